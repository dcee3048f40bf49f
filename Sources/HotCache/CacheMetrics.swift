internal import Metrics
internal import Refold

/// What the cache measures of one projection, for whichever backend of swift-metrics the process has; made once.
///
/// The label names the projection and nothing else: keys would have no bound.
struct CacheMetrics: Sendable {
    /// Windows of changed rows that were sent.
    private let sentWindows: Counter
    /// How often a generation's keys were brought up to date from the tables or rewritten.
    private let heals: Counter

    init(of projection: ProjectionName, factory: any MetricsFactory) {
        let labels = [("projection", projection.rawValue)]
        sentWindows = Counter(label: "refold_cache_sent_windows", dimensions: labels, factory: factory)
        heals = Counter(label: "refold_cache_heals", dimensions: labels, factory: factory)
    }

    /// This many windows have reached the cache.
    func sent(windows: Int) { sentWindows.increment(by: windows) }

    /// The generation's keys are right again.
    func healed() { heals.increment() }
}
