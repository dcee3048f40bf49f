internal import EventStore
internal import Logging
internal import Postgres
internal import Refold
internal import Synchronization
internal import Timing

/// Keeps one projection's live generation in step with the log, whatever happens to it.
///
/// After an error of its own it starts again from the committed checkpoint, reads on its own until it has caught up, and
/// joins the shared read again.
final class ProjectionTail: Sendable {
    private struct State {
        var runner: ProjectionRunner?
        /// Of a feed that was joined before it began; not taken from yet.
        var firstInbox: Inbox?
        var inbox: Inbox?
        var revision: Int64 = -1
        var pointerMoved = false
        /// Whether this daemon is to tail the projection; another one does if not.
        var isMine = true
        var bisection = FaultBisection()
        /// What interrupted it last, while not all that was folded then is committed.
        var interruption: (any Error)?
        /// The furthest that was folded.
        var folded = GlobalPosition.zero
        var failure: (any Error)?
    }

    let projection: any Projection
    private let daemon: TailDaemon
    private let source: StoreSource
    private let feed: EventFeed
    private let goal: GlobalPosition?
    private let budget: MemoryBudget
    private let state = Mutex(State())

    private var engine: Engine { daemon.engine }
    private var logger: Logger { engine.logger }

    init(
        _ projection: any Projection,
        daemon: TailDaemon,
        source: StoreSource,
        feed: EventFeed,
        goal: GlobalPosition?
    ) {
        self.projection = projection
        self.daemon = daemon
        self.source = source
        self.feed = feed
        self.goal = goal
        budget = daemon.budget
    }

    /// Where the runner opened first stands.
    var startPosition: GlobalPosition? { state.withLock { $0.runner }?.progress.foldedPosition }

    /// What ended it before the goal.
    var failure: (any Error)? { state.withLock { $0.failure } }

    /// Takes the live generation before anything is read: who finds another owner at the start does not start.
    ///
    /// - Parameter timeout: how long a locked checkpoint is waited for.
    func openFirst(within timeout: Duration) async throws {
        let runner = try await open(within: timeout)
        state.withLock { $0.runner = runner }
    }

    /// Joins a feed that has not begun, from which the runner opened first is to take.
    ///
    /// - Returns: false when the runner stands too far behind.
    func joinFirst(_ feed: EventFeed) async -> Bool {
        guard let startPosition, let inbox = await feed.join(at: startPosition, for: projection.name) else {
            return false
        }
        state.withLock { $0.firstInbox = inbox }
        return true
    }

    /// The pointer as it stands: when it has moved, the runner in hand ends and the next takes the live generation.
    func pointerIs(_ pointer: Pointer) {
        state.withLock { state in
            guard state.revision >= 0, state.revision != pointer.revision else { return }
            state.pointerMoved = true
            state.firstInbox?.finish()
            state.inbox?.finish()
        }
    }

    /// Whether this daemon is to tail the projection.
    var isMine: Bool { state.withLock { $0.isMine } }

    /// Another daemon is to go on with the projection, or this one is.
    func shareIs(_ isMine: Bool) {
        state.withLock { state in
            defer { state.isMine = isMine }
            guard state.isMine && !isMine else { return }
            state.firstInbox?.finish()
            state.inbox?.finish()
        }
    }

    func run() async throws {
        // An inbox that nobody takes from would hold its feed up.
        defer { state.withLock { $0.firstInbox.take() }?.abandon() }
        var backoff = Backoff(limit: nil)
        while !daemon.isStopping {
            guard isMine else {
                if let runner = state.withLock({ $0.runner.take() }) { await release(runner) }
                try Task.checkCancellation()
                await daemon.pause(.milliseconds(50))
                continue
            }
            do {
                let runner = try await takeRunner()
                do {
                    try await follow(runner)
                    await daemon.cache?.finish(runner.generation.number)
                    if let failure = await release(runner) { throw failure }
                    state.withLock { state in
                        if runner.progress.committedPosition >= state.folded { state.interruption = nil }
                    }
                    backoff.reset()
                    if hasEnded(runner) { return }
                } catch {
                    state.withLock { $0.folded = max($0.folded, runner.progress.foldedPosition) }
                    await release(runner)
                    throw error
                }
            } catch {
                // Another part of the daemon has failed; all of it starts again.
                if Task.isCancelled { throw error }
                guard try await handle(error, &backoff) else { return }
            }
        }
        if let runner = state.withLock({ $0.runner.take() }) { await release(runner) }
        if let interruption = state.withLock({ $0.interruption }) {
            daemon.leaves(projection.name, because: interruption)
        }
    }

    // MARK: The runner

    private func takeRunner() async throws -> ProjectionRunner {
        if let runner = state.withLock({ $0.runner.take() }) { return runner }
        return try await open()
    }

    /// Opens the live generation; creates the first one.
    private func open(within timeout: Duration = LeaseKeeper.commitLimit) async throws -> ProjectionRunner {
        // It begins where the runner before stood: another one would miss what lies between.
        state.withLock { $0.firstInbox.take() }?.abandon()
        let engine = engine
        let identity = engine.identity(of: projection)
        let log = FoldedLog(store: source.store, id: source.log.id, firstEvent: nil)
        let (pointer, generation) = try await engine.withConnection(for: "open") { [projection] connection in
            while true {
                let pointer = try await PointerStore(connection).pointer(of: projection.name)
                if let live = pointer.live, let generation = try await GenerationStore(connection).generation(live) {
                    guard let current = try await engine.adoptIdentity(of: generation, projection, on: connection)
                    else {
                        throw EngineError.otherIdentity(of: generation)
                    }
                    try await log.requireSame(current, on: connection, engine.logger)
                    return (pointer, try await engine.adoptLog(log.id, of: current, on: connection))
                }
                _ = try await connection.transaction { connection in
                    try await PointerStore(connection)
                        .pointAtEmptyGeneration(of: projection, identity: identity.text, from: pointer)
                }
            }
        }
        state.withLock { state in
            state.revision = pointer.revision
            state.pointerMoved = false
        }
        let limits = WindowLimits(engine.settings, bisection: state.withLock { $0.bisection })
        var options = RunnerOptions(limits: limits, budget: budget, committer: daemon.committer)
        options.timeout = timeout
        let runner = try await engine.openRunner(
            projection,
            generation,
            under: daemon.keeper,
            of: source.store,
            options
        )
        try await noteVanished(runner)
        return runner
    }

    /// Says which positions were folded before and are gone, when a promoted server or a restored backup lacks them.
    private func noteVanished(_ runner: ProjectionRunner) async throws {
        let generation = runner.generation.number
        let generations = GenerationStore(runner.writer.connection)
        try await generations.setCause(nil, at: nil, of: generation)
        guard let vanished = daemon.vanished(from: generation, at: runner.writer.owned.position) else { return }
        let message =
            "positions \(vanished.lowerBound) to \(vanished.upperBound) were folded before and are gone: the server does not "
            + "have what the one before it had"
        logger.error("\(message)", metadata: ["projection": "\(projection.name)"])
        try await generations.setLastError(message, of: generation)
    }

    /// Gives the generation back.
    ///
    /// - Returns: what the last window failed with, if it did.
    @discardableResult
    private func release(_ runner: ProjectionRunner) async -> (any Error)? {
        daemon.cache?.leave(runner.generation.number)
        let failure = await runner.release()
        daemon.hasCommitted(runner.generation.number, through: runner.progress.committedPosition)
        return failure
    }

    // MARK: Following

    /// Feeds a runner until the feed or the pointer ends it.
    private func follow(_ runner: ProjectionRunner) async throws {
        let alone = CatchUpReader(engine: engine)
        defer { alone.closeSoon() }
        while !daemon.isStopping && !Task.isCancelled && isToGoOn && !hasEnded(runner) {
            guard let inbox = await nextInbox(runner) else {
                // Commits window by window on the way; stops between two.
                try await alone.foldPart(runner, to: await feed.position ?? .zero)
                continue
            }
            state.withLock { $0.inbox = inbox }
            try await runner.takeBlocks(from: inbox)
            if let goal, runner.progress.foldedPosition < goal, await feed.hasFinished {
                try await alone.advance(runner, to: goal)
            }
        }
        if hasEnded(runner) { try await runner.finish() } else { try await runner.flush() }
    }

    /// What was joined before, or the shared read; nil when the runner has to catch up first.
    private func nextInbox(_ runner: ProjectionRunner) async -> Inbox? {
        if let first = state.withLock({ $0.firstInbox.take() }) { return first }
        return await feed.join(at: runner.progress.foldedPosition, for: projection.name)
    }

    /// The generation in hand is still the live one, and this daemon's.
    private var isToGoOn: Bool { state.withLock { !$0.pointerMoved && $0.isMine } }

    private func hasEnded(_ runner: ProjectionRunner) -> Bool {
        goal.map { runner.progress.foldedPosition >= $0 } ?? false
    }

    // MARK: Errors

    /// Waits until it makes sense to start again.
    ///
    /// - Returns: false when the error ends a run that is to stop at the head.
    private func handle(_ error: any Error, _ backoff: inout Backoff) async throws -> Bool {
        let code = (error as? EngineError)?.code
        if code == .fenced {
            logger.info("the generation was taken over or left by the pointer", metadata: ["cause": "\(error)"])
            return true
        }
        if state.withLock({ $0.bisection.narrow(after: error) }) {
            logger.warning("the database refuses a window; its event is looked for", metadata: ["cause": "\(error)"])
            return true
        }
        if code == .owned && goal == nil {
            // Whose it is to be, the daemons find out among themselves.
            await daemon.pause(backoff.next() ?? .seconds(1))
            return true
        }
        if error.isTransient {
            state.withLock { $0.interruption = error }
            logger.warning("\(projection.name) is interrupted and tries again", metadata: ["cause": "\(error)"])
            daemon.engine.metrics[projection.name]?.retried()
            await record(error, isPassing: true)
            await daemon.pause(backoff.next() ?? .seconds(1))
            return true
        }
        state.withLock { $0.interruption = error }
        logger.error("\(projection.name) is stopped", metadata: ["cause": "\(error)"])
        await record(error, isPassing: false)
        if goal != nil {
            state.withLock { $0.failure = error }
            return false
        }
        // Only an operator can help: a reset, a rebuild, another policy with a restart.
        while !daemon.isStopping && !Task.isCancelled && !state.withLock({ $0.pointerMoved }) {
            await daemon.pause(.milliseconds(250))
        }
        return true
    }

    /// Whether an error at the start stops this projection and leaves the others alone.
    func isStopped(by error: any Error) -> Bool {
        switch error {
        case let error as EngineError: error.code == .identityDiffers
        case let error as EventStoreError: error.code == .otherLog || error.code == .logShrank
        default: false
        }
    }

    /// Notes down for status why the projection does not get on.
    private func record(_ error: any Error, isPassing: Bool) async {
        let position = (error as? EngineError)?.position ?? (error as? EventStoreError)?.position
        let message =
            (error as? EngineError)?.message ?? (error as? EventStoreError)?.message ?? String(describing: error)
        do {
            try await engine.withConnection(for: "cause") { [projection] connection in
                guard let live = try await PointerStore(connection).pointer(of: projection.name).live else { return }
                let generations = GenerationStore(connection)
                if isPassing {
                    try await generations.setWaiting(for: "it is interrupted and tries again: \(message)", of: live)
                } else {
                    try await generations.setCause(message, at: position, of: live)
                }
            }
        } catch {
            logger.warning("the cause could not be stored", metadata: ["cause": "\(error)"])
        }
    }
}

extension EngineError {
    fileprivate static func otherIdentity(of generation: Generation) -> EngineError {
        EngineError(
            .identityDiffers,
            projection: generation.projection,
            "the live generation \(generation.number) of \(generation.projection) was folded by version "
                + "\(generation.version), with other tables or with other settings",
            remedy: "run refold rebuild \(generation.projection)"
        )
    }
}
