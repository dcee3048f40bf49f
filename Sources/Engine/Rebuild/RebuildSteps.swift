// The rebuild of one projection, in the order in which it happens. Each step's type holds what is known by then, and its
// method is the only way to the next one. Each step is recorded in the database before the next begins, so that the next
// attempt resumes where this one stopped.

internal import EventStore
internal import Logging
internal import Postgres
internal import Refold

// MARK: - Prepared: there is a generation to fold into

/// A projection that is to be rebuilt.
struct BegunRebuild: Sendable {
    let projection: any Projection
    let attempt: RebuildAttempt
    /// What earlier attempts have found out about an event that the database refuses.
    let bisection: FaultBisection
    let tracker: RebuildTracker

    private var engine: Engine { attempt.engine }

    /// Resumes an interrupted generation, or creates one.
    ///
    /// - Throws: ``EngineError/Code/shortenedLog``, and unless the rebuild is a fresh one `EventStoreError` when the
    ///   log contradicts what the live generation was folded from: a rebuild must not hide the loss of events.
    func prepare(on control: PostgresConnection) async throws -> PreparedRebuild {
        let (log, request) = (attempt.log, attempt.request)
        try await engine.requireAppendable(projection, on: control)
        let pointer = try await PointerStore(control).pointer(of: projection.name)
        if let number = pointer.live, let live = try await GenerationStore(control).generation(number) {
            if !request.fresh { try await log.requireSame(live, on: control, engine.logger) }
            if !(request.acceptsShortenedLog || engine.settings.acceptsShortenedLog) {
                try log.requireWhole(live)
            }
        }
        let generation =
            if let resumable = try await resumable(on: control) { resumable } else { try await create(on: control) }
        tracker.has(generation.number)
        return PreparedRebuild(begun: self, generation: generation, pointer: pointer)
    }

    private func resumable(on control: PostgresConnection) async throws -> Generation? {
        let generations = GenerationStore(control)
        guard let generation = try await generations.unfinished(of: projection.name) else { return nil }
        let reason: String
        if let current = try await engine.adoptIdentity(of: generation, projection, on: control) {
            do {
                try await attempt.log.requireSame(current, on: control, engine.logger)
                if try await LateEventStore(control).isMissed(by: current.number) {
                    reason = "events appeared late at positions that it has passed"
                } else if try await lacksEmissions(current, on: control) {
                    reason = "what its events emit was not kept"
                } else {
                    try await generations.setCause(nil, at: nil, of: generation.number)
                    return current
                }
            } catch let error as EventStoreError where error.code == .otherLog || error.code == .logShrank {
                reason = error.message
            }
        } else {
            reason = "it was folded by another version or other settings"
        }
        try await engine.retire(generation, under: attempt.keeper, on: control)
        engine.logger.notice(
            "the half-built generation is abandoned",
            metadata: [
                "projection": "\(projection.name)", "generation": "\(generation.number)", "cause": "\(reason)",
            ]
        )
        return nil
    }

    private func lacksEmissions(_ generation: Generation, on control: PostgresConnection) async throws -> Bool {
        guard projection.emits else { return false }
        return try await EmitterStore(control).lacksEmissions(generation.number)
    }

    private func create(on control: PostgresConnection) async throws -> Generation {
        let (projection, identity, attempt) = (projection, engine.identity(of: projection), attempt)
        return try await control.transaction { control in
            try await ReadModelTables(control).addParents(of: projection)
            return try await GenerationStore(control).add(
                of: projection,
                identity: identity.text,
                phase: .memory,
                target: attempt.goal,
                log: attempt.log.id,
                firstEvent: attempt.log.firstEvent
            )
        }
    }
}

// MARK: - Open: the generation is this process's, and what it needs is in memory

struct PreparedRebuild: Sendable {
    let begun: BegunRebuild
    let generation: Generation
    /// The pointer as it was before anything was done.
    let pointer: Pointer

    var tracker: RebuildTracker { begun.tracker }

    /// Acquires the generation and loads what it needs.
    func open() async throws -> OpenRebuild {
        let attempt = begun.attempt
        let runner = try await attempt.engine.openRunner(
            begun.projection,
            generation,
            under: attempt.keeper,
            of: attempt.log.store,
            RunnerOptions(
                limits: WindowLimits(attempt.engine.settings, bisection: begun.bisection),
                budget: attempt.budget,
                committer: attempt.committer
            )
        )
        tracker.folds(runner.progress)
        return OpenRebuild(attempt: attempt, runner: runner, pointer: pointer, tracker: tracker)
    }
}

struct OpenRebuild: Sendable {
    let attempt: RebuildAttempt
    let runner: ProjectionRunner
    let pointer: Pointer
    let tracker: RebuildTracker

    var projection: any Projection { runner.projection }

    /// All remaining steps, whatever their outcome.
    func run(_ inbox: Inbox) async -> RebuildOutcome {
        do {
            let folded = try await fold(inbox)
            guard attempt.request.until == nil else {
                try await runner.flush()
                await runner.release()
                return tracker.outcome(.building)
            }
            let pointed = try await folded.settle().attach().point()
            await pointed.tidyUp()
            return tracker.outcome(.pointed)
        } catch {
            let outcome = await outcome(after: error)
            await runner.release()
            return outcome
        }
    }

    private func outcome(after error: any Error) async -> RebuildOutcome {
        guard let error = error as? EngineError else { return tracker.outcome(.building, error) }
        switch error.code {
        case .pointerMoved, .outpaced:
            return tracker.outcome(.ready, error)
        case .stopped:
            // The cause is for status; the error itself is in the outcome.
            try? await GenerationStore(runner.writer.connection).setCause(
                error.message,
                at: error.position,
                of: runner.generation.number
            )
            return tracker.outcome(.building, error)
        default:
            return tracker.outcome(.building, error)
        }
    }

    // MARK: - Folded: everything up to the goal is in the rows

    /// Folds what comes through the inbox; windows commit as they fall due.
    func fold(_ inbox: Inbox) async throws -> FoldedRebuild {
        try await runner.takeBlocks(from: inbox)
        // An inbox also ends when reading fails; that failure is the attempt's.
        guard runner.progress.foldedPosition >= attempt.goal else { throw CancellationError() }
        return FoldedRebuild(attempt: attempt, runner: runner, pointer: pointer)
    }
}

// MARK: - Settled: the rows are in keyed tables

struct FoldedRebuild: Sendable {
    let attempt: RebuildAttempt
    let runner: ProjectionRunner
    let pointer: Pointer

    /// Writes the rows into keyed tables, and sends the hot ones to the cache while the server stores all of them.
    func settle() async throws -> SettledRebuild {
        let preloaded = try await runner.settle { rows, position in await self.preload(rows, at: position) }
        return SettledRebuild(
            attempt: attempt,
            runner: runner,
            pointer: pointer,
            isCacheLost: preloaded == .unreachable
        )
    }

    private func preload(_ rows: [BorrowedRows], at position: GlobalPosition) async -> PreloadResult {
        guard let cache = attempt.cache else { return .sent }
        return await cache.preload(
            runner.projection.name,
            generation: runner.generation.number,
            fencingValue: runner.writer.owned.fencingValue,
            from: rows,
            at: position
        )
    }
}

// MARK: - Attached: the view can show the tables, and the cache has the hot rows

struct SettledRebuild: Sendable {
    let attempt: RebuildAttempt
    let runner: ProjectionRunner
    let pointer: Pointer
    /// The cache's server is not waited for again.
    let isCacheLost: Bool

    /// Attaches the tables, and fills the cache before readers are sent to it.
    func attach() async throws -> AttachedRebuild {
        try await ReadModelTables(runner.writer.connection).attach(runner.writer.tables)
        if !isCacheLost { await warm() }
        return AttachedRebuild(attempt: attempt, runner: runner, pointer: pointer)
    }

    /// The cache is never the source: the generation's next owner repairs what fails here.
    private func warm() async {
        let generation = runner.generation
        do {
            try await attempt.cache?.warm(
                generation.projection,
                generation: generation.number,
                fencingValue: runner.writer.owned.fencingValue
            )
        } catch {
            attempt.engine.logger.warning("the cache could not be warmed", metadata: ["cause": "\(error)"])
        }
    }
}

// MARK: - Pointed: readers see the new generation

struct AttachedRebuild: Sendable {
    let attempt: RebuildAttempt
    let runner: ProjectionRunner
    let pointer: Pointer

    /// Catches up with the live generation, and points; see ``Switchover``.
    ///
    /// - Throws: ``EngineError/Code/pointerMoved``, ``EngineError/Code/outpaced``: the generation is kept as ready.
    func point() async throws -> PointedRebuild {
        do {
            try await Switchover.pointWhenCaughtUp(runner, from: pointer, attempt.engine)
        } catch let error as EngineError where error.code == .pointerMoved || error.code == .outpaced {
            let (name, number) = (runner.projection.name, runner.generation.number)
            try await GenerationStore(runner.writer.connection).setState(.ready, of: number)
            throw EngineError(
                error.code,
                projection: name,
                error.code == .outpaced
                    ? "\(error.message) (generation \(number))"
                    : "the pointer of \(name) moved while generation \(number) was folded",
                remedy: "the generation is kept as ready: run \(Program.name) rebuild \(name) to point at it"
            )
        }
        return PointedRebuild(attempt: attempt, runner: runner)
    }
}

struct PointedRebuild: Sendable {
    let attempt: RebuildAttempt
    let runner: ProjectionRunner

    /// Releases the generation, moves the cache's pointer, and drops retired generations.
    func tidyUp() async {
        // A daemon waits for the generation; what is left to do needs no ownership.
        await runner.release()
        async let dropped: Void = attempt.engine.dropRetired(isLast: false)
        await pointCache()
        await dropped
    }

    private func pointCache() async {
        let generation = runner.generation
        do {
            try await attempt.cache?.point(generation.projection, to: generation.number)
        } catch {
            attempt.engine.logger.warning("the cache does not follow the pointer yet", metadata: ["cause": "\(error)"])
        }
    }
}
