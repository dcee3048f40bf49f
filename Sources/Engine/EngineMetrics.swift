package import Metrics
package import Refold

/// What the engine measures, for whichever backend of swift-metrics the process has: the names of all its metrics, and the
/// objects, which are made once.
///
/// Labels name the projection and nothing else: values taken from data would have no bound.
package struct EngineMetrics: Sendable {
    /// How often a transaction has held the high-water mark back for a second.
    private let markWaits: Counter
    private let projections: [ProjectionName: ProjectionMetrics]

    package init(of projections: [any Projection], factory: any MetricsFactory) {
        markWaits = Counter(label: "refold_mark_waits", dimensions: [], factory: factory)
        let made = projections.map { ($0.name, ProjectionMetrics(of: $0.name, factory: factory)) }
        self.projections = Dictionary(made) { first, _ in first }
    }

    /// A transaction has held the high-water mark back for a second.
    func waitedForMark() { markWaits.increment() }

    /// The metrics of one of the engine's projections.
    package subscript(_ projection: ProjectionName) -> ProjectionMetrics? { projections[projection] }
}

/// The metrics of one projection. Counted when a window has committed, not for each event.
package struct ProjectionMetrics: Sendable {
    /// Events that were applied or set aside, and committed.
    private let foldedEvents: Counter
    /// Events that were set aside.
    private let deadLetters: Counter
    /// Rows that were written or removed.
    private let writtenRows: Counter
    /// How long each window took to commit; their number is that of the windows.
    private let windowCommits: Metrics.Timer
    /// How many positions the committed checkpoint is behind the high-water mark.
    private let lag: Gauge
    /// How often folding began again after an error that may pass.
    private let retries: Counter

    init(of projection: ProjectionName, factory: any MetricsFactory) {
        let labels = [("projection", projection.rawValue)]
        func counter(_ label: String) -> Counter { Counter(label: label, dimensions: labels, factory: factory) }
        foldedEvents = counter("refold_folded_events")
        deadLetters = counter("refold_dead_letters")
        writtenRows = counter("refold_written_rows")
        windowCommits = Metrics.Timer(label: "refold_window_commit_duration", dimensions: labels, factory: factory)
        lag = Gauge(label: "refold_lag_positions", dimensions: labels, factory: factory)
        retries = counter("refold_retries")
    }

    /// A window has committed.
    ///
    /// - Parameter rows: what the server says of them.
    func committed(_ window: CommitWindow, rows: Int, in duration: Duration) {
        foldedEvents.increment(by: window.events)
        deadLetters.increment(by: window.deadLetters.count)
        writtenRows.increment(by: rows)
        windowCommits.record(duration: duration)
    }

    /// The committed checkpoint is so many positions behind the high-water mark.
    func isBehind(by positions: Int64) { lag.record(positions) }

    /// Folding begins again after an error that may pass.
    func retried() { retries.increment() }
}
