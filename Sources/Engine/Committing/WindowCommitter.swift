package import Refold
internal import Synchronization

/// Makes closed windows into transactions, for any number of runners: the one place where that is done, except for the
/// last window of a rebuild, which is part of the pointing transaction (``Switchover``).
///
/// A window comes with the writer of its generation. At most one of a generation is under way; what becomes of it is
/// reported to whoever handed it over.
package final class WindowCommitter: Sendable {
    /// What became of a window.
    package enum Report: Sendable {
        /// Everything up to here is committed.
        case committed(through: GlobalPosition)
        /// Nothing of the window is committed, or nobody knows.
        case failed(any Error)
    }

    /// Told of what was committed.
    package let cache: (any CacheFollower)?
    /// Told of the same.
    package let metrics: EngineMetrics?
    private let underWay = Mutex<[GenerationNumber: Task<Void, any Error>]>([:])

    package init(cache: (any CacheFollower)? = nil, metrics: EngineMetrics? = nil) {
        self.cache = cache
        self.metrics = metrics
    }

    /// Hands a window over, and returns when the one before of its generation has ended; this one commits meanwhile.
    ///
    /// - Parameter report: told once, before ``finish(_:)`` returns.
    /// - Throws: what the window before failed with; this one is not begun then.
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

    /// Commits a window and waits for it, after the one before of its generation.
    ///
    /// - Parameter attaches: see ``GenerationWriter/commit(_:attaches:)``.
    package func commit(_ window: CommitWindow, by writer: GenerationWriter, attaches: Bool = false) async throws {
        try await finish(writer.generation.number)
        try await write(window, by: writer, attaches: attaches)
    }

    /// Waits until nothing of a generation is under way.
    ///
    /// - Throws: what its last window failed with, once.
    package func finish(_ generation: GenerationNumber) async throws {
        try await underWay.withLock { $0.removeValue(forKey: generation) }?.value
    }

    private func write(_ window: CommitWindow, by writer: GenerationWriter, attaches: Bool = false) async throws {
        let start = ContinuousClock.now
        let rows = try await writer.commit(window, attaches: attaches)
        metrics?[writer.generation.projection]?.committed(window, rows: rows, in: .now - start)
        cache?.committed(window.hotRows, of: writer.generation.number, through: window.to)
    }
}
