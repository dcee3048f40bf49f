internal import EventStore
internal import Logging
internal import Postgres
internal import Refold
internal import Timing

/// Keeps one projection's live generation in step with the log, whatever happens to it.
///
/// After an error of its own it starts again from the committed checkpoint, reads on its own until it has caught up, and
/// joins the shared read again.
struct ProjectionTail: Sendable {
    let projection: any Projection
    let daemon: TailDaemon
    let source: StoreSource
    let feed: EventFeed
    /// Where it ends; nil for ever.
    let goal: GlobalPosition?
    let orders = TailOrders()

    var name: ProjectionName { projection.name }
    private var engine: Engine { daemon.engine }
    private var logger: Logger { engine.logger }

    /// Follows the log until the daemon is to stop or the goal is reached.
    ///
    /// - Parameters:
    ///   - acquired: the runner opened before anything was read, if it could be.
    ///   - joined: where its first blocks come from, if it is not too far behind.
    /// - Returns: what ended it before the goal.
    func run(_ acquired: ProjectionRunner?, _ joined: Inbox?) async throws -> (any Error)? {
        var (acquired, joined) = (acquired, joined)
        // An inbox that nobody takes from would hold its feed up.
        defer { joined?.abandon() }
        var recovery = TailRecovery(isForEver: goal == nil)
        while !daemon.isStopping {
            guard orders.isMine else {
                if let runner = acquired.take() { await release(runner) }
                try Task.checkCancellation()
                await daemon.pause(.milliseconds(50))
                continue
            }
            var runner = acquired.take()
            do {
                // An inbox begins at its runner's position: another runner would miss what lies between.
                if runner == nil { joined.take()?.abandon() }
                let opened = if let runner { runner } else { try await open(recovery.bisection) }
                runner = opened
                recovery.opened()
                try await follow(opened, from: joined.take())
                await daemon.cache?.finish(opened.generation.number)
                if let failure = await release(opened) { throw failure }
                recovery.succeeded(through: opened.progress.committedPosition)
                if hasEnded(opened) { return nil }
            } catch {
                if let runner { await release(runner) }
                // Another part of the daemon has failed; all of it starts again.
                if Task.isCancelled { throw error }
                let folded = runner?.progress.foldedPosition
                let action = recovery.action(after: error, folded: folded, now: engine.time.now)
                guard await perform(action, error) else { return error }
            }
        }
        if let runner = acquired { await release(runner) }
        if let interruption = recovery.interruption { daemon.leaves(name, because: interruption) }
        return nil
    }

    // MARK: The runner

    /// Opens the live generation; creates the first one.
    ///
    /// - Parameter timeout: how long to wait for a locked checkpoint.
    func open(
        _ bisection: FaultBisection = FaultBisection(),
        within timeout: Duration = LeaseKeeper.commitLimit
    ) async throws -> ProjectionRunner {
        let engine = engine
        let identity = engine.identity(of: projection)
        let log = FoldedLog(store: source.store, id: source.log.id, firstEvent: nil)
        let (pointer, generation) = try await engine.withConnection(for: "open") { [projection, source] connection in
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
                try await engine.requireAppendable(projection, on: connection)
                try await connection.transaction { connection in
                    let generation = try await PointerStore(connection)
                        .pointAtEmptyGeneration(of: projection, identity: identity.text, from: pointer)
                    guard let generation else { return }
                    try await EmitterStore(connection).enter(projection, generation.number, now: source.store)
                }
            }
        }
        orders.opens(at: pointer.revision)
        let limits = WindowLimits(engine.settings, bisection: bisection)
        var options = RunnerOptions(limits: limits, budget: daemon.budget, committer: daemon.committer)
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

    /// Reports positions that were folded before and that a promoted server or a restored backup lacks.
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

    /// Releases the generation.
    ///
    /// - Returns: the error of the last window, if it failed.
    @discardableResult
    private func release(_ runner: ProjectionRunner) async -> (any Error)? {
        daemon.cache?.leave(runner.generation.number)
        let ending = await runner.release()
        if !ending.isReleased { daemon.keeper.releaseLater(runner.generation.number) }
        daemon.hasCommitted(runner.generation.number, through: runner.progress.committedPosition)
        return ending.failure
    }

    // MARK: Following

    /// Feeds a runner until the feed or the pointer ends it.
    private func follow(_ runner: ProjectionRunner, from joined: Inbox?) async throws {
        var joined = joined
        let alone = CatchUpReader(engine: engine)
        defer { alone.closeSoon() }
        while !daemon.isStopping && !Task.isCancelled && orders.isToContinue && !hasEnded(runner) {
            guard let inbox = await nextInbox(&joined, runner) else {
                // Commits window by window on the way; stops between two.
                try await alone.foldPart(runner, to: await feed.position ?? .zero)
                continue
            }
            orders.takes(from: inbox)
            try await runner.takeBlocks(from: inbox)
            if let goal, runner.progress.foldedPosition < goal, await feed.hasFinished {
                try await alone.advance(runner, to: goal)
            }
        }
        if hasEnded(runner) { try await runner.finish() } else { try await runner.flush() }
    }

    /// What was joined before, or the shared read; nil when the runner has to catch up first.
    private func nextInbox(_ joined: inout Inbox?, _ runner: ProjectionRunner) async -> Inbox? {
        if let first = joined.take() { return first }
        return await feed.join(at: runner.progress.foldedPosition, for: name)
    }

    private func hasEnded(_ runner: ProjectionRunner) -> Bool {
        goal.map { runner.progress.foldedPosition >= $0 } ?? false
    }

    // MARK: Errors

    /// Waits until it makes sense to start again.
    ///
    /// - Returns: false when the error ends a run that is to stop at the head.
    private func perform(_ action: TailRecovery.Action, _ error: any Error) async -> Bool {
        switch action {
        case .reopen:
            logger.info("the generation was taken over or left by the pointer", metadata: ["cause": "\(error)"])
        case .narrow:
            logger.warning("the database refuses a window; its event is looked for", metadata: ["cause": "\(error)"])
        case .yield(let delay):
            await daemon.pause(delay)
        case .retry(let delay):
            logger.warning("\(name) is interrupted and tries again", metadata: ["cause": "\(error)"])
            engine.metrics[name]?.retried()
            await record(error, isPassing: true)
            await daemon.pause(delay)
        case .stop:
            logger.error("\(name) is stopped", metadata: ["cause": "\(error)"])
            await record(error, isPassing: false)
            if goal != nil { return false }
            while !daemon.isStopping && !Task.isCancelled && !orders.hasPointerMoved {
                await daemon.pause(.milliseconds(250))
            }
        }
        return true
    }

    /// Records for status why the projection makes no progress.
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
            remedy: "run \(Program.name) rebuild \(generation.projection)"
        )
    }
}
