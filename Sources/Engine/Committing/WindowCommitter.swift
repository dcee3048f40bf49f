package import Refold
internal import Synchronization

/// Commits closed windows as transactions, for any number of runners: the one place that does so, except for the last
/// window of a rebuild, which is part of the pointing transaction (``Switchover``).
///
/// A window comes with the writer of its generation. At most one per generation is in flight; its outcome is reported
/// to the caller that handed it over.
package final class WindowCommitter: Sendable {
    /// The outcome of a window.
    package enum Report: Sendable {
        /// Everything up to here is committed.
        case committed(through: GlobalPosition)
        /// Nothing of the window is committed, or that is unknown.
        case failed(any Error)
    }

    /// Notified of what was committed.
    package let cache: (any CacheFollower)?
    /// Notified of the same.
    package let metrics: EngineMetrics?
    /// Raised when events were emitted.
    private let outbox: OutboxSignal?
    private let underWay = Mutex<[GenerationNumber: Task<Void, any Error>]>([:])

    package init(
        cache: (any CacheFollower)? = nil,
        metrics: EngineMetrics? = nil,
        outbox: OutboxSignal? = nil
    ) {
        self.cache = cache
        self.metrics = metrics
        self.outbox = outbox
    }

    /// Hands a window over, and returns when the generation's previous one has ended; this one commits meanwhile.
    ///
    /// - Parameter report: called once, before ``finish(_:)`` returns.
    /// - Throws: the error of the previous window; this one is not begun then.
    package func schedule(
        _ window: CommitWindow,
        by writer: GenerationWriter,
        report: @escaping @Sendable (Report) async -> Void
    ) async throws {
        let generation = writer.generation.number
        try await finish(generation)
        // Not a child task: it outlives this call so that folding and committing overlap. `finish` joins it before the
        // next window, before anything is evicted, and at the end.
        let task = Task {
            do {
                try await write(window, by: writer)
            } catch {
                await report(.failed(error))
                throw error
            }
            await report(.committed(through: window.to))
        }
        underWay.withLock { $0[generation] = task }
    }

    /// Commits a window and waits for it, after the generation's previous one.
    ///
    /// - Parameter attaches: see ``GenerationWriter/commit(_:attaches:)``.
    package func commit(_ window: CommitWindow, by writer: GenerationWriter, attaches: Bool = false) async throws {
        try await finish(writer.generation.number)
        try await write(window, by: writer, attaches: attaches)
    }

    /// Waits until no window of a generation is in flight.
    ///
    /// - Throws: the error of its last window, once.
    package func finish(_ generation: GenerationNumber) async throws {
        try await underWay.withLock { $0.removeValue(forKey: generation) }?.value
    }

    private func write(_ window: CommitWindow, by writer: GenerationWriter, attaches: Bool = false) async throws {
        let start = ContinuousClock.now
        let rows = try await writer.commit(window, attaches: attaches)
        if !window.emissions.isEmpty { outbox?.raise() }
        metrics?[writer.generation.projection]?.committed(window, rows: rows, in: .now - start)
        cache?.committed(window.hotRows, of: writer.generation.number, through: window.to)
    }
}
