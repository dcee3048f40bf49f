internal import EventStore
internal import Logging
internal import Postgres
public import Refold

extension Engine {
    /// Makes the generation that was live before the live one again.
    ///
    /// - Parameter now: points first, so that readers see an older model until a daemon has caught up; else the kept
    ///   generation is advanced to the live one's position first and readers never go back.
    /// - Returns: the generation's number.
    /// - Throws: ``EngineError/Code/pointerMoved``, ``EngineError/Code/owned``, ``EngineError/Code/identityDiffers``
    ///   when the kept generation was folded by another version and can therefore not be advanced, and
    ///   `EventStoreError` when it was folded from a log that no longer exists.
    public func rollback(_ projection: any Projection, now: Bool) async throws -> GenerationNumber {
        try await withConnection(for: "rollback") { control in
            try await requireMigration(on: control)
            let pointer = try await PointerStore(control).pointer(of: projection.name)
            guard let kept = pointer.kept, let generation = try await GenerationStore(control).generation(kept) else {
                throw EngineError(
                    .nothingKept,
                    projection: projection.name,
                    "no generation of \(projection.name) is kept for rollback",
                    remedy: "a rebuild keeps the generation it replaces"
                )
            }
            let store = try await StoreInspection.inspect(control, settings.store)
            if let log = try await LogIdentityStore.verify(control, store) {
                let folded = FoldedLog(store: store, id: log.id, firstEvent: nil)
                try await folded.requireSame(generation, on: control, logger)
            }
            if now {
                let hasMoved: Bool
                do {
                    hasMoved = try await point(projection, to: generation, from: pointer, store, on: control)
                } catch let error as PostgresError where error.isTransient {
                    guard try await self.hasMoved(pointer, to: generation, because: error) else { throw error }
                    hasMoved = true
                }
                guard hasMoved else { throw EngineError.pointerMoved(projection.name) }
            } else {
                guard let current = try await adoptIdentity(of: generation, projection, on: control) else {
                    throw EngineError(
                        .identityDiffers,
                        projection: projection.name,
                        "the kept generation \(kept) was folded by version \(generation.version) or other settings",
                        remedy: "roll back with --now, or rebuild"
                    )
                }
                try await withLease { try await advanceAndPoint(projection, current, pointer, store, under: $0) }
            }
            await pointCache(of: projection, to: kept)
            return kept
        }
    }

    /// Points at a generation as it is.
    ///
    /// - Returns: false when the pointer has moved meanwhile.
    private func point(
        _ projection: any Projection,
        to generation: Generation,
        from pointer: Pointer,
        _ store: ValidatedStore,
        on control: PostgresConnection
    ) async throws -> Bool {
        try await control.transaction { control in
            let pointers = PointerStore(control)
            let current = try await pointers.pointer(of: projection.name, lock: true)
            guard current.revision == pointer.revision else { return false }
            try await ReadModelTables(control).requireShape(of: generation, projection)
            try await ReadModelViews(control).show(projection)
            let hasMoved = try await pointers.point(
                projection.name,
                to: generation.number,
                kept: pointer.live,
                from: current
            )
            if hasMoved { try await EmitterStore(control).enter(projection, generation.number, now: store) }
            return hasMoved
        }
    }

    private func advanceAndPoint(
        _ projection: any Projection,
        _ generation: Generation,
        _ pointer: Pointer,
        _ store: ValidatedStore,
        under keeper: LeaseKeeper
    ) async throws {
        let runner = try await openRunner(
            projection,
            generation,
            under: keeper,
            of: store,
            RunnerOptions(
                limits: WindowLimits(settings, bisection: FaultBisection()),
                budget: MemoryBudget(limit: settings.memoryBudget),
                committer: WindowCommitter(metrics: metrics)
            )
        )
        do {
            try await runner.settle()
            try await Switchover.pointWhenCaughtUp(runner, from: pointer, self)
        } catch {
            await runner.release()
            throw error
        }
        await runner.release()
    }
}
