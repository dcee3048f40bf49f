internal import EventStore
internal import Logging
internal import Postgres
internal import Refold
internal import Synchronization
internal import Timing

/// The tailing daemon: one feed, and for each projection somebody who keeps its live generation in step while it is this
/// daemon's to do so.
final class TailDaemon: Sendable {
    /// How long a stop may take before what is still running is cancelled.
    static let stopLimit: Duration = .milliseconds(4000)

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
    private let state = Mutex(State())

    init(engine: Engine, request: TailRequest, keeper: LeaseKeeper, cache: (any CacheWriter)?) {
        self.engine = engine
        self.request = request
        self.keeper = keeper
        self.cache = cache
        budget = MemoryBudget(limit: engine.settings.memoryBudget)
        committer = WindowCommitter(cache: cache, metrics: engine.metrics)
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
    func pause(_ duration: Duration) async {
        let deadline = ContinuousClock.now + duration
        while !isStopping && !Task.isCancelled && ContinuousClock.now < deadline {
            try? await Task.sleep(for: min(.milliseconds(50), deadline - .now))
        }
    }

    /// What could not be committed before the end.
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
        guard let cache else { return try await followForEver() }
        try await withThrowingTaskGroup { group in
            group.addTask { await cache.run() }
            try await followForEver()
            // Cancelled, the cache still sends what waits.
            group.cancelAll()
        }
    }

    private func followForEver() async throws {
        var backoff = Backoff(limit: request.untilCaughtUp ? engine.settings.retryLimit : nil)
        // A table that is being exchanged is not fit to be read for a moment.
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
                switch Ending(error) {
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

    /// What an error means for a daemon that has run.
    private enum Ending {
        /// It is tried again for ever.
        case passes
        /// It is tried again for a while.
        case mayPass
        /// Only an operator can help.
        case stays

        init(_ error: any Error) {
            switch error {
            case let error as EventStoreError:
                switch error.code {
                case .database: self = .passes
                case .inRecovery: self = .passes
                case .otherLog, .logShrank: self = .stays
                default: self = .mayPass
                }
            case is EngineError: self = error.isTransient ? .passes : .stays
            default: self = .passes
            }
        }
    }

    /// Follows the log until it is to stop, has caught up, or reading fails.
    private func follow(_ started: () -> Void) async throws {
        let source = try await StoreSource.open(engine)
        defer { source.closeSoon() }
        noteServer(source.store)
        let goal = request.untilCaughtUp ? try await source.currentMark() : nil
        let sweep = try await TailRecheck.open(engine)
        defer { sweep.closeSoon() }
        let feed = EventFeed(source: source, detachesSlow: !request.untilCaughtUp, logger: engine.logger) { holes in
            try await sweep.passed(holes)
        }
        let tails = request.projections.map {
            ProjectionTail($0, daemon: self, source: source, feed: feed, goal: goal)
        }
        let watch = TailWatch(self, tails)
        try await watch.look()
        try await open(tails)
        started()
        let newest = tails.compactMap(\.startPosition).max()
        await feed.begin(at: newest)
        var behind: [ProjectionTail] = []
        for tail in tails where await !tail.joinFirst(feed) { behind.append(tail) }
        let catchUp = try await openCatchUp(behind)
        defer { catchUp?.source.closeSoon() }
        let feeds = [feed, catchUp?.feed].compactMap { $0 }
        state.withLock { $0.feeds = feeds }
        if isStopping { for feed in feeds { await feed.stop() } }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                try await feed.run(until: goal)
                return true
            }
            if let catchUp {
                group.addTask {
                    try await catchUp.feed.run(until: newest)
                    return false
                }
            }
            for tail in tails {
                group.addTask {
                    try await tail.run()
                    return true
                }
            }
            group.addTask { await self.keepGoing("the pointers are not watched") { try await watch.run() } }
            group.addTask { await self.keepGoing("holes are not looked at") { try await sweep.run(for: tails) } }
            // The feed and the tails end by themselves; the watchers never do.
            var ended = 0
            while let didWork = try await group.next() {
                if didWork { ended += 1 }
                if ended == tails.count + 1 { group.cancelAll() }
            }
        }
        // One projection's failure is its own: the others have reached the goal meanwhile.
        if let failure = tails.compactMap(\.failure).first { throw failure }
    }

    /// After a crash or a promotion of the server, what is in the cache may have come from events that are gone.
    private func noteServer(_ store: ValidatedStore) {
        let before = state.withLock { state in
            defer { state.serverRun = store.serverRun }
            return state.serverRun
        }
        guard let before, before != store.serverRun else { return }
        engine.logger.notice("the server has recovered from a crash or was promoted; everything is read again")
        cache?.serverChanged()
    }

    /// Runs what goes on until it is cancelled. What it fails with is its own: it begins again.
    private func keepGoing(_ complaint: String, _ body: () async throws -> Void) async -> Bool {
        var backoff = Backoff(limit: nil)
        while !Task.isCancelled {
            do {
                try await body()
                backoff.reset()
            } catch {
                if Task.isCancelled { break }
                engine.logger.warning("\(complaint) for a moment", metadata: ["cause": "\(error)"])
                try? await Task.sleep(for: backoff.next() ?? .seconds(1))
            }
        }
        return false
    }

    /// Takes the live generations that are this daemon's before anything is read. A projection whose generation cannot be
    /// gone on with is stopped; the others go on, if there are any.
    private func open(_ tails: [ProjectionTail]) async throws {
        let isForEver = !request.untilCaughtUp
        let failures = try await withThrowingTaskGroup(of: (any Error)?.self) { group in
            for tail in tails where tail.isMine {
                group.addTask {
                    do {
                        // The others do not wait for one that is locked.
                        try await tail.openFirst(within: isForEver ? .zero : LeaseKeeper.commitLimit)
                        return nil
                    } catch {
                        if isForEver && tail.isStopped(by: error) { return error }
                        // Another owner, a lock: it is tried again by itself.
                        let mayPass = error.isTransient || (error as? EngineError)?.code == .owned
                        guard isForEver && mayPass else { throw error }
                        return nil
                    }
                }
            }
            return try await group.reduce(into: [any Error]()) { failures, error in
                if let error { failures.append(error) }
            }
        }
        if let first = failures.first, failures.count == tails.count { throw first }
    }

    /// A read of their own for projections that stand too far behind the others, as after several resets: each by itself
    /// would read the same events again.
    ///
    /// - Returns: nil when there are no two of them.
    private func openCatchUp(_ behind: [ProjectionTail]) async throws -> (feed: EventFeed, source: StoreSource)? {
        let behind = behind.filter { $0.startPosition != nil }
        guard behind.count > 1 else { return nil }
        let source = try await StoreSource.open(engine)
        let feed = EventFeed(source: source, detachesSlow: !request.untilCaughtUp, logger: engine.logger)
        for tail in behind { _ = await tail.joinFirst(feed) }
        return (feed, source)
    }
}
