internal import EventStore
internal import Logging
internal import Postgres
internal import Refold
internal import Synchronization

/// The rebuild of one projection: a generation is taken up or created, folded, settled, attached and pointed at.
///
/// Each step is recorded in the database before the next begins, so that the next run goes on where this one stopped.
final class RebuildJob: Sendable {
    private struct State {
        var generation: Generation?
        var pointer: Pointer?
        var runner: ProjectionRunner?
        var start = GlobalPosition.zero
        /// The cache's server was lost while hot rows were sent: nobody waits for it again.
        var isCacheLost = false
    }

    let projection: any Projection
    private let engine: Engine
    private let keeper: LeaseKeeper
    private let log: FoldedLog
    private let request: RebuildRequest
    private let goal: GlobalPosition
    private let cache: (any CacheWriter)?
    private let bisection: FaultBisection
    private let began = ContinuousClock.now
    private let state = Mutex(State())

    init(
        projection: any Projection,
        engine: Engine,
        keeper: LeaseKeeper,
        log: FoldedLog,
        request: RebuildRequest,
        cache: (any CacheWriter)?,
        goal: GlobalPosition,
        bisection: FaultBisection
    ) {
        self.projection = projection
        self.engine = engine
        self.keeper = keeper
        self.log = log
        self.request = request
        self.cache = cache
        self.goal = goal
        self.bisection = bisection
    }

    /// Whether the rebuild goes to the head and points; else it stops at the goal.
    private var isWhole: Bool { request.until == nil }

    /// Where this run begins.
    var startPosition: GlobalPosition { state.withLock { $0.start } }

    private var runner: ProjectionRunner? { state.withLock { $0.runner } }
    private var generationNumber: GenerationNumber? { state.withLock { $0.generation?.number } }

    /// How far it is.
    var progress: RebuildProgress? {
        guard let runner else { return nil }
        return RebuildProgress(
            projection: projection.name,
            generation: runner.generation.number,
            position: runner.progress.foldedPosition,
            start: startPosition,
            target: goal
        )
    }

    // MARK: Beginning

    /// Takes up an interrupted generation, or creates one.
    ///
    /// - Throws: ``EngineError/Code/shortenedLog``, and unless the rebuild is a fresh one `EventStoreError` when the log
    ///   contradicts what the live generation was folded from: a rebuild is not to pass in silence over what was lost.
    func prepare(on control: PostgresConnection) async throws {
        let pointer = try await control.pointer(of: projection.name)
        if let number = pointer.live, let live = try await control.generation(number) {
            if !request.fresh { try await log.requireSame(live, on: control, engine.logger) }
            if !(request.acceptsShortenedLog || engine.settings.acceptsShortenedLog) {
                try log.requireWhole(live)
            }
        }
        let generation =
            if let resumable = try await resumable(on: control) { resumable } else { try await create(on: control) }
        state.withLock { $0 = State(generation: generation, pointer: pointer) }
    }

    /// Acquires the generation and loads what it needs.
    func open(_ budget: MemoryBudget, _ committer: WindowCommitter) async throws {
        guard let generation = state.withLock({ $0.generation }) else {
            preconditionFailure("a job is opened after it was prepared")
        }
        let limits = WindowLimits(engine.settings, bisection: bisection)
        let runner = try await engine.openRunner(
            projection,
            generation,
            under: keeper,
            of: log.store,
            RunnerOptions(limits: limits, budget: budget, committer: committer)
        )
        let start = runner.progress.foldedPosition
        state.withLock { state in
            state.runner = runner
            state.start = start
        }
    }

    private func resumable(on control: PostgresConnection) async throws -> Generation? {
        guard let generation = try await control.unfinishedGeneration(of: projection.name) else { return nil }
        let reason: String
        if let current = try await engine.adoptIdentity(of: generation, projection, on: control) {
            do {
                try await log.requireSame(current, on: control, engine.logger)
                if try await !control.lacksLateEvents(current) {
                    try await control.setCause(nil, at: nil, of: generation.number)
                    return current
                }
                reason = "events appeared late at positions that it has passed"
            } catch let error as EventStoreError where error.code == .otherLog || error.code == .logShrank {
                reason = error.message
            }
        } else {
            reason = "it was folded by another version or other settings"
        }
        engine.logger.notice(
            "the half-built generation is given up",
            metadata: [
                "projection": "\(projection.name)", "generation": "\(generation.number)", "cause": "\(reason)",
            ]
        )
        try await control.setState(.retired, of: generation.number)
        return nil
    }

    private func create(on control: PostgresConnection) async throws -> Generation {
        let (projection, identity, goal, log) = (projection, engine.identity(of: projection), goal, log)
        return try await control.transaction { control in
            try control.addParents(of: projection)
            return try control.addGeneration(
                of: projection,
                identity: identity.text,
                phase: .memory,
                target: goal,
                log: log.id,
                firstEvent: log.firstEvent
            )
        }
    }

    // MARK: Folding and pointing

    /// Folds what comes through the inbox, and finishes.
    func run(_ inbox: Inbox?) async -> RebuildOutcome {
        guard let inbox, let runner, let pointer = state.withLock({ $0.pointer }) else {
            preconditionFailure("a job runs after it was opened, at a position the feed has not passed")
        }
        let outcome: RebuildOutcome
        do {
            try await runner.takeBlocks(from: inbox)
            // An inbox also ends when reading fails; that failure is the attempt's.
            guard runner.progress.foldedPosition >= goal else { throw CancellationError() }
            if isWhole {
                outcome = try await finish(runner, pointer)
            } else {
                try await runner.flush()
                outcome = await self.outcome(.building, nil)
            }
        } catch {
            outcome = await failed(error)
        }
        await runner.release()
        return outcome
    }

    private func finish(_ runner: ProjectionRunner, _ pointer: Pointer) async throws -> RebuildOutcome {
        let writer = runner.writer
        try await runner.settle { rows, position in await self.preload(rows, at: position, writer) }
        try await writer.connection.attach(writer.tables)
        await warm(writer)
        do {
            try await Switchover.pointWhenCaughtUp(runner, from: pointer, engine)
        } catch let error as EngineError {
            guard error.code == .pointerMoved || error.code == .outpaced else { throw error }
            try await writer.connection.setState(.ready, of: writer.generation.number)
            let number = writer.generation.number
            throw EngineError(
                error.code,
                projection: projection.name,
                error.code == .outpaced
                    ? "\(error.message) (generation \(number))"
                    : "the pointer of \(projection.name) moved while generation \(number) was folded",
                remedy: "the generation is kept as ready: run refold rebuild \(projection.name) to point at it"
            )
        }
        // A daemon waits for the generation; what is left to do needs no ownership.
        await runner.release()
        async let dropped: Void = engine.dropRetired(isLast: false)
        await pointCache(writer)
        await dropped
        return await outcome(.pointed, nil)
    }

    /// Sends the hot rows while the server stores all of them.
    private func preload(_ rows: [BorrowedRows], at position: GlobalPosition, _ writer: GenerationWriter) async {
        let generation = writer.generation
        let result = await cache?.preload(
            generation.projection,
            generation: generation.number,
            fencingValue: writer.owned.fencingValue,
            from: rows,
            at: position
        )
        if result == .unreachable { state.withLock { $0.isCacheLost = true } }
    }

    /// Fills the cache before anybody is sent to it. The cache is never the source: what fails here, the generation's next
    /// owner puts right.
    private func warm(_ writer: GenerationWriter) async {
        if state.withLock({ $0.isCacheLost }) { return }
        let generation = writer.generation
        do {
            try await cache?.warm(
                generation.projection,
                generation: generation.number,
                fencingValue: writer.owned.fencingValue
            )
        } catch {
            engine.logger.warning("the cache could not be warmed", metadata: ["cause": "\(error)"])
        }
    }

    private func pointCache(_ writer: GenerationWriter) async {
        let generation = writer.generation
        do {
            try await cache?.point(generation.projection, to: generation.number)
        } catch {
            engine.logger.warning("the cache does not follow the pointer yet", metadata: ["cause": "\(error)"])
        }
    }

    private func failed(_ error: any Error) async -> RebuildOutcome {
        if let error = error as? EngineError, error.code == .pointerMoved || error.code == .outpaced {
            return await outcome(.ready, error)
        }
        if let error = error as? EngineError, error.code == .stopped, let runner {
            // The cause is for status; the error itself is in the outcome.
            try? await runner.writer.connection.setCause(
                error.message,
                at: error.position,
                of: runner.generation.number
            )
        }
        return await outcome(.building, error)
    }

    func outcome(_ state: RebuildOutcome.State, _ error: (any Error)?) async -> RebuildOutcome {
        let start = startPosition
        let position = runner?.progress.foldedPosition ?? start
        return RebuildOutcome(
            projection: projection.name,
            generation: generationNumber,
            position: position,
            passed: position.rawValue - start.rawValue,
            duration: ContinuousClock.now - began,
            state: state,
            error: error
        )
    }
}
