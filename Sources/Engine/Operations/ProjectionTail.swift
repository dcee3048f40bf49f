internal import EventStore
internal import Logging
internal import Postgres
internal import Refold
internal import Synchronization

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
        var isolation = FaultIsolation()
        var failure: (any Error)?
    }

    let projection: any Projection
    private let daemon: TailDaemon
    private let feed: EventFeed
    private let goal: GlobalPosition?
    private let budget: MemoryBudget
    private let state = Mutex(State())

    private var engine: Engine { daemon.engine }
    private var logger: Logger { engine.logger }

    init(_ projection: any Projection, daemon: TailDaemon, feed: EventFeed, goal: GlobalPosition?) {
        self.projection = projection
        self.daemon = daemon
        self.feed = feed
        self.goal = goal
        budget = daemon.budget
    }

    /// Where the runner opened first stands.
    var startPosition: GlobalPosition? { state.withLock { $0.runner }?.foldedPosition }

    /// What ended it before the goal.
    var failure: (any Error)? { state.withLock { $0.failure } }

    /// Takes the live generation before anything is read: who finds another owner at the start does not start.
    func openFirst() async throws {
        let runner = try await open()
        state.withLock { $0.runner = runner }
    }

    /// Joins a feed that has not begun, from which the runner opened first is to take.
    ///
    /// - Returns: false when the runner stands too far behind.
    func joinFirst(_ feed: EventFeed) async -> Bool {
        guard let startPosition, let inbox = await feed.join(at: startPosition) else { return false }
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

    func run() async throws {
        // An inbox that nobody takes from would hold its feed up.
        defer { state.withLock { $0.firstInbox.take() }?.abandon() }
        var backoff = Backoff(limit: nil)
        while !daemon.isStopping {
            do {
                let runner = try await takeRunner()
                do {
                    try await follow(runner)
                    await daemon.cache?.finish(runner.generation.number)
                    await release(runner)
                    backoff.reset()
                    if hasEnded(runner) { return }
                } catch {
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
    }

    // MARK: The runner

    private func takeRunner() async throws -> ProjectionRunner {
        if let runner = state.withLock({ $0.runner.take() }) { return runner }
        return try await open()
    }

    /// Opens the live generation; creates the first one.
    private func open() async throws -> ProjectionRunner {
        // It begins where the runner before stood: another one would miss what lies between.
        state.withLock { $0.firstInbox.take() }?.abandon()
        let engine = engine
        let identity = engine.identity(of: projection)
        let (pointer, generation) = try await engine.withConnection(for: "open") { [projection] connection in
            while true {
                let pointer = try await connection.pointer(of: projection.name)
                if let live = pointer.live, let generation = try await connection.generation(live) {
                    return (pointer, generation)
                }
                _ = try await connection.transaction { connection in
                    try connection.createLiveGeneration(of: projection, identity: identity, replacing: pointer)
                }
            }
        }
        state.withLock { state in
            state.revision = pointer.revision
            state.pointerMoved = false
        }
        guard generation.identity == identity else {
            throw EngineError(
                .identityDiffers,
                projection: projection.name,
                "the live generation \(generation.number) of \(projection.name) was folded by version "
                    + "\(generation.version), with other tables or with other settings",
                remedy: "run refold rebuild \(projection.name)"
            )
        }
        let limits = WindowLimits(engine.settings, isolation: state.withLock { $0.isolation })
        let runner = try await engine.openRunner(
            projection,
            generation,
            Engine.RunnerOptions(limits: limits, budget: budget, cache: daemon.cache)
        )
        try await runner.writer.connection.setCause(nil, at: nil, of: generation.number)
        return runner
    }

    /// Gives the generation back.
    private func release(_ runner: ProjectionRunner) async {
        daemon.cache?.leave(runner.generation.number)
        await runner.release()
    }

    // MARK: Following

    /// Feeds a runner until the feed or the pointer ends it.
    private func follow(_ runner: ProjectionRunner) async throws {
        let alone = CatchingUp(engine: engine)
        defer { alone.closeSoon() }
        while !daemon.isStopping && !Task.isCancelled && !state.withLock({ $0.pointerMoved }) && !hasEnded(runner) {
            guard let inbox = await nextInbox(runner) else {
                // Commits window by window on the way; stops between two.
                let end = min(await feed.position ?? .zero, GlobalPosition(runner.foldedPosition.rawValue + 100_000))
                try await alone.fold(runner, to: end)
                continue
            }
            state.withLock { $0.inbox = inbox }
            try await runner.takeBlocks(from: inbox)
            if let goal, runner.foldedPosition < goal, await feed.hasFinished {
                try await alone.advance(runner, to: goal)
            }
        }
        if hasEnded(runner) { try await runner.finish() } else { try await runner.flush() }
    }

    /// What was joined before, or the shared read; nil when the runner has to catch up first.
    private func nextInbox(_ runner: ProjectionRunner) async -> Inbox? {
        if let first = state.withLock({ $0.firstInbox.take() }) { return first }
        return await feed.join(at: runner.foldedPosition)
    }

    private func hasEnded(_ runner: ProjectionRunner) -> Bool {
        goal.map { runner.foldedPosition >= $0 } ?? false
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
        if state.withLock({ $0.isolation.narrow(after: error) }) {
            logger.warning("the database refuses a window; its event is looked for", metadata: ["cause": "\(error)"])
            return true
        }
        if error.isTransient || code == .owned {
            logger.warning("\(projection.name) is interrupted and tries again", metadata: ["cause": "\(error)"])
            await daemon.pause(backoff.next() ?? .seconds(1))
            return true
        }
        logger.error("\(projection.name) stands still", metadata: ["cause": "\(error)"])
        await recordCause(error)
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

    /// Notes down for status why the projection stands still.
    private func recordCause(_ error: any Error) async {
        let position = (error as? EngineError)?.position
        let message = (error as? EngineError)?.message ?? String(describing: error)
        do {
            try await engine.withConnection(for: "cause") { [projection] connection in
                guard let live = try await connection.pointer(of: projection.name).live else { return }
                try await connection.setCause(message, at: position, of: live)
            }
        } catch {
            logger.warning("the cause could not be stored", metadata: ["cause": "\(error)"])
        }
    }
}
