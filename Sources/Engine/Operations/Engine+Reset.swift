internal import EventStore
internal import Logging
internal import Postgres
public import Refold
internal import Synchronization

extension Engine {
    /// Gives a projection an empty live generation; a daemon fills it from the first event on.
    ///
    /// Readers see an empty model from here on. The generation that was live is kept for ``rollback(_:now:)``. Safe
    /// while a daemon runs: its next commit is refused and it continues with the new generation.
    ///
    /// - Parameter acceptsShortenedLog: as in ``RebuildRequest/acceptsShortenedLog``.
    /// - Returns: the new generation's number.
    /// - Throws: ``EngineError/Code/pointerMoved`` when someone moved the pointer meanwhile. As for a rebuild, when the log
    ///   is not the one that the live generation was folded from, or has lost its beginning: nobody could fill it again.
    public func reset(_ projection: any Projection, acceptsShortenedLog: Bool = false) async throws -> GenerationNumber
    {
        let number = try await withConnection(for: "reset") { control in
            try requireNoEmissionLoop()
            try await requireMigration(on: control)
            try await requireAppendable(projection, on: control)
            let pointer = try await PointerStore(control).pointer(of: projection.name)
            let store = try await requireSameLog(as: pointer, acceptsShortenedLog: acceptsShortenedLog, on: control)
            let generation = try await pointAtEmptyGeneration(of: projection, from: pointer, store, on: control)
            guard let generation else { throw EngineError.pointerMoved(projection.name) }
            await pointCache(of: projection, to: generation.number)
            return generation.number
        }
        await dropRetired()
        return number
    }

    /// - Returns: nil when the pointer has moved meanwhile.
    private func pointAtEmptyGeneration(
        of projection: any Projection,
        from pointer: Pointer,
        _ store: ValidatedStore,
        on control: PostgresConnection
    ) async throws -> Generation? {
        let identity = identity(of: projection)
        let created = Mutex<Generation?>(nil)
        do {
            return try await control.transaction { control in
                let generation = try await PointerStore(control)
                    .pointAtEmptyGeneration(of: projection, identity: identity.text, from: pointer)
                if let generation { try await EmitterStore(control).enter(projection, generation.number, now: store) }
                created.withLock { $0 = generation }
                return generation
            }
        } catch let error as PostgresError where error.isTransient {
            guard let generation = created.withLock({ $0 }),
                try await hasMoved(pointer, to: generation, because: error)
            else { throw error }
            return generation
        }
    }

    private func requireSameLog(
        as pointer: Pointer,
        acceptsShortenedLog: Bool,
        on control: PostgresConnection
    ) async throws -> ValidatedStore {
        let store = try await StoreInspection.inspect(control, settings.store)
        guard let log = try await LogIdentityStore.verify(control, store), let live = pointer.live,
            let generation = try await GenerationStore(control).generation(live)
        else { return store }
        let folded = FoldedLog(store: store, id: log.id, firstEvent: try await store.firstEvent(on: control))
        try await folded.requireSame(generation, on: control, logger)
        if !(acceptsShortenedLog || settings.acceptsShortenedLog) { try folded.requireWhole(generation) }
        return store
    }
}
