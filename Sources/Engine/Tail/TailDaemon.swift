internal import EventStore
internal import Logging
internal import Postgres
internal import Refold
internal import Synchronization
internal import Timing

/// The tailing daemon: one feed, and for each projection a tail that keeps its live generation in step while the
/// projection is this daemon's.
final class TailDaemon: Sendable {
    private struct State {
        var isStopping = false
        var feeds: [EventFeed] = []
        var remainders: [TailRemainder] = []
        /// By generation: the furthest that this daemon has committed.
        var committed: [GenerationNumber: GlobalPosition] = [:]
        var serverRun: ServerRun?
    }

    let engine: Engine
    let request: TailRequest
    let keeper: LeaseKeeper
    let cache: (any CacheWriter)?
    /// Shared by all projections.
    let budget: MemoryBudget
    /// The same.
    let committer: WindowCommitter
    /// Raised when a window has emitted events.
    let outbox = OutboxSignal()
    private let state = Mutex(State())

    init(engine: Engine, request: TailRequest, keeper: LeaseKeeper, cache: (any CacheWriter)?) {
        self.engine = engine
        self.request = request
        self.keeper = keeper
        self.cache = cache
        budget = MemoryBudget(limit: engine.settings.memoryBudget)
        committer = WindowCommitter(cache: cache, metrics: engine.metrics, outbox: outbox)
    }

    // MARK: Stopping

    var isStopping: Bool { state.withLock { $0.isStopping } }

    /// Asks everything to end after the block in hand.
    func stop() {
        let feeds = state.withLock { state in
            state.isStopping = true
            return state.feeds
        }
        for feed in feeds { Task { await feed.stop() } }
    }

    /// Waits, unless the daemon is to stop meanwhile.
    func pause(_ duration: Duration) async { await engine.pause(duration, unless: { isStopping }) }

    /// Windows that could not be committed before the end.
    var remainders: [TailRemainder] { state.withLock { $0.remainders } }

    func leaves(_ projection: ProjectionName, because error: any Error) {
        state.withLock { $0.remainders.append(TailRemainder(projection: projection, error: error)) }
    }

    // MARK: What was committed

    func hasCommitted(_ generation: GenerationNumber, through position: GlobalPosition) {
        state.withLock { $0.committed[generation] = position }
    }

    /// The positions that this daemon had folded into a generation and that its checkpoint, as it was found now, has not:
    /// a server was promoted that had not received them, or a backup restored.
    func vanished(from generation: GenerationNumber, at checkpoint: GlobalPosition) -> ClosedRange<Int64>? {
        state.withLock { state in
            guard let committed = state.committed[generation], committed > checkpoint else { return nil }
            state.committed[generation] = checkpoint
            return (checkpoint.rawValue + 1)...committed.rawValue
        }
    }

    // MARK: Running

    func run() async throws {
        guard let cache else { return try await followToTheEnd() }
        try await withThrowingTaskGroup { group in
            group.addTask { await cache.run() }
            try await followToTheEnd()
            // Cancelled, the cache still sends what waits.
            group.cancelAll()
        }
    }

    /// Follows the log; a run that is to stop at its head follows what it has emitted as well.
    private func followToTheEnd() async throws {
        try await followForEver()
        guard request.untilCaughtUp, engine.emits else { return }
        // Nobody reads what follows from what he emits, so this ends.
        for _ in engine.projections where !isStopping {
            let hasEmitted = outbox.take()
            let waited = try await emptyOutbox()
            guard hasEmitted || waited else { return }
            try await followForEver()
        }
        // Writers have gone on meanwhile.
        if !isStopping { _ = try await emptyOutbox() }
    }

    /// Appends what is in the outbox; an error of the database is tried again for a while.
    ///
    /// - Returns: whether there may have been anything.
    private func emptyOutbox() async throws -> Bool {
        var backoff = Backoff(limit: engine.settings.retryLimit)
        var wasInterrupted = false
        while true {
            do {
                return try await appender.drain(within: engine.settings.retryLimit) || wasInterrupted
            } catch {
                guard error.isTransient, !Task.isCancelled, let delay = backoff.next() else { throw error }
                engine.logger.warning("emitted events are not appended for a moment", metadata: ["cause": "\(error)"])
                wasInterrupted = true
                await pause(delay)
            }
        }
    }

    /// Moves what was emitted to the log.
    var appender: Appender { Appender(engine: engine, keeper: keeper, signal: outbox) }

    private func followForEver() async throws {
        var backoff = Backoff(limit: request.untilCaughtUp ? engine.settings.retryLimit : nil)
        // A table that is being exchanged cannot be read for a moment.
        var storeBackoff = Backoff(limit: engine.settings.retryLimit)
        var hasRun = false
        while !isStopping {
            do {
                try await follow {
                    hasRun = true
                    backoff.reset()
                    storeBackoff.reset()
                }
                return
            } catch {
                // It has a lease: the server was there a moment ago.
                guard hasRun || error.isTransient, !Task.isCancelled else { throw error }
                var delay: Duration?
                switch TailInterruption(error) {
                case .passes: delay = backoff.next()
                case .mayPass: delay = storeBackoff.next()
                case .stays: delay = nil
                }
                guard let delay else { throw error }
                engine.logger.warning("tailing is interrupted and tries again", metadata: ["cause": "\(error)"])
                await pause(delay)
            }
        }
    }

    /// A read for tails, which a slow one does not hold up for long.
    func makeFeed(
        _ source: StoreSource,
        passed: @escaping @Sendable (GapLog) async throws -> Void = { _ in }
    ) -> EventFeed {
        EventFeed(
            source: source,
            detachesSlow: !request.untilCaughtUp,
            time: engine.time,
            logger: engine.logger,
            passed: passed
        )
    }

    /// The feeds to end when the daemon is to stop.
    func reads(with feeds: [EventFeed]) async {
        state.withLock { $0.feeds = feeds }
        if isStopping { for feed in feeds { await feed.stop() } }
    }

    /// After a crash or a promotion of the server, what is in the cache may have come from events that are gone.
    func noteServer(_ store: ValidatedStore) {
        let before = state.withLock { state in
            defer { state.serverRun = store.serverRun }
            return state.serverRun
        }
        guard let before, before != store.serverRun else { return }
        engine.logger.notice("the server has recovered from a crash or was promoted; everything is read again")
        cache?.serverChanged()
    }

    /// Runs a body until it is cancelled. Its errors concern nothing else: it begins again.
    func keepGoing(_ complaint: String, _ body: () async throws -> Void) async {
        var backoff = Backoff(limit: nil)
        while !Task.isCancelled {
            do {
                try await body()
                backoff.reset()
            } catch {
                if Task.isCancelled { break }
                engine.logger.warning("\(complaint) for a moment", metadata: ["cause": "\(error)"])
                try? await engine.time.sleep(for: backoff.next() ?? .seconds(1))
            }
        }
    }
}
