internal import EventStore
internal import Logging
internal import Postgres
public import Refold
internal import Synchronization

/// What to tail.
public struct TailRequest: Sendable {
    /// The projections.
    public var projections: [any Projection]
    /// Ends at what is the head of the log when it starts, for cron and tests.
    public var untilCaughtUp: Bool

    /// Tailing for ever, or until caught up.
    public init(_ projections: [any Projection], untilCaughtUp: Bool = false) {
        self.projections = projections
        self.untilCaughtUp = untilCaughtUp
    }
}

extension Engine {
    /// Keeps the live generations up with the log, each event within milliseconds of its commit.
    ///
    /// Cancelling the task stops it cleanly: reading ends, what was folded is committed, the generations are given back.
    /// Once it runs, transient errors are tried again for ever.
    ///
    /// - Throws: what keeps it from starting: an unreachable server, a store that cannot be read, another owner
    ///   (``EngineError/Code/owned``); with `untilCaughtUp` also what stopped a projection.
    public func tail(_ request: TailRequest) async throws {
        let daemon = TailDaemon(engine: self, request: request, cache: try makeCache(for: "tail"))
        // Not a child task: cancellation must let it commit what it has folded, and a cancelled task's statements are
        // refused. It is asked to stop instead, and cancelled only when it does not within the limit.
        let work = Task { try await daemon.run() }
        try await withTaskCancellationHandler {
            try await work.value
        } onCancel: {
            daemon.stop()
            Task {
                try? await Task.sleep(for: TailDaemon.stopLimit)
                work.cancel()
            }
        }
    }
}

/// The tailing daemon: one feed, and for each projection somebody who keeps its live generation in step.
final class TailDaemon: Sendable {
    /// How long a stop may take before what is still running is cancelled.
    static let stopLimit: Duration = .milliseconds(4500)
    /// How often the pointers are looked at.
    private static let pointerInterval: Duration = .milliseconds(250)

    let engine: Engine
    let request: TailRequest
    let cache: HotCache?
    /// Shared by all projections.
    let budget: MemoryBudget
    private let stopping = Mutex<(isStopping: Bool, feeds: [EventFeed])>((false, []))

    init(engine: Engine, request: TailRequest, cache: HotCache?) {
        self.cache = cache
        self.engine = engine
        self.request = request
        budget = MemoryBudget(limit: engine.settings.memoryBudget)
    }

    var isStopping: Bool { stopping.withLock { $0.isStopping } }

    /// Asks everything to end after the block in hand.
    func stop() {
        let feeds = stopping.withLock { state in
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
        var hasRun = false
        while !isStopping {
            do {
                try await follow { hasRun = true }
                return
            } catch {
                guard error.isTransient && hasRun, let delay = backoff.next() else { throw error }
                engine.logger.warning("tailing is interrupted and tries again", metadata: ["cause": "\(error)"])
                await pause(delay)
            }
        }
    }

    /// Follows the log until it is to stop, has caught up, or reading fails.
    private func follow(_ started: () -> Void) async throws {
        let source = try await StoreSource.open(engine)
        defer { source.closeSoon() }
        let goal = request.untilCaughtUp ? try await source.currentMark() : nil
        let sweep = try await openSweep()
        defer { sweep.closeSoon() }
        let feed = EventFeed(source: source, detachesSlow: !request.untilCaughtUp, logger: engine.logger) { holes in
            try await sweep.sweep.passed(holes)
        }
        let tails = request.projections.map { ProjectionTail($0, daemon: self, feed: feed, goal: goal) }
        try await open(tails)
        started()
        let newest = tails.compactMap(\.startPosition).max()
        await feed.begin(at: newest)
        var behind: [ProjectionTail] = []
        for tail in tails where await !tail.joinFirst(feed) { behind.append(tail) }
        let catchUp = try await openCatchUp(behind)
        defer { catchUp?.source.closeSoon() }
        let feeds = [feed, catchUp?.feed].compactMap { $0 }
        stopping.withLock { $0.feeds = feeds }
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
            group.addTask { try await self.watch { try await self.watchPointers(of: tails) } }
            group.addTask { try await self.watch { try await self.look(with: sweep.sweep) } }
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

    /// Runs what goes on until it is cancelled; a statement that the cancellation interrupts is no failure.
    private func watch(_ body: () async throws -> Void) async throws -> Bool {
        do {
            try await body()
        } catch {
            guard Task.isCancelled else { throw error }
        }
        return false
    }

    /// Takes the live generations before anything is read. A projection whose generation cannot be gone on with stands
    /// still; the others go on, if there are any.
    private func open(_ tails: [ProjectionTail]) async throws {
        var failures: [EngineError] = []
        for tail in tails {
            do {
                try await tail.openFirst()
            } catch let error as EngineError {
                guard error.code == .identityDiffers && !request.untilCaughtUp else { throw error }
                failures.append(error)
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

    /// Tells the tails when someone moved a pointer: a reset, a rebuild, a rollback.
    private func watchPointers(of tails: [ProjectionTail]) async throws {
        try await engine.withConnection(for: "pointers") { connection in
            while !Task.isCancelled {
                for tail in tails {
                    let pointer = try await connection.pointer(of: tail.projection.name)
                    tail.pointerIs(pointer)
                }
                do { try await Task.sleep(for: Self.pointerInterval) } catch { break }
            }
        }
    }

    /// The sweep, on a session of its own, with the stretch behind the stored mark: nobody may have written down its
    /// holes.
    private func openSweep() async throws -> (sweep: LateEventSweep, closeSoon: @Sendable () -> Void) {
        let connection = try await engine.connect(for: "sweep")
        let store = try await StoreInspection.inspect(connection, engine.settings.store)
        let schedule = SweepSchedule(delays: engine.settings.sweepDelays)
        let log = try await LogLedger.open(connection, store)
        let sweep = LateEventSweep(connection, store, log: log.id, schedule: schedule)
        try await sweep.passed(behind: log.mark)
        // Not a child task: closing outlives whoever is done with the sweep, and cannot fail.
        return (sweep, { Task { await connection.close() } })
    }

    /// Looks once more at holes that were passed as dead.
    private func look(with sweep: LateEventSweep) async throws {
        while !Task.isCancelled {
            for event in try await sweep.step() {
                engine.logger.error("late event at \(event.position): it was inserted behind the high-water mark")
            }
            do { try await Task.sleep(for: .seconds(1)) } catch { break }
        }
    }
}
