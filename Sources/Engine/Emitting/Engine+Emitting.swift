internal import EventStore
internal import Postgres
internal import Refold

extension Engine {
    /// Whether any projection emits events.
    var emits: Bool { projections.contains { $0.emits } }

    /// - Throws: ``EngineError/Code/emissionLoop`` when a projection reads what follows from what it emits.
    func requireNoEmissionLoop() throws {
        if let loop = EmissionGraph(projections).loop { throw EngineError.loop(loop) }
    }

    /// - Throws: ``EngineError/Code/cannotEmit`` when a projection emits and its events could not be appended.
    func requireAppendable(_ projection: any Projection, on connection: PostgresConnection) async throws {
        guard projection.emits else { return }
        do {
            try await StoreInspection.requireStreams(connection, settings.store)
        } catch {
            guard error.code != .database else { throw error }
            throw EngineError(
                .cannotEmit,
                projection: projection.name,
                "\(projection.name) emits events, and the store cannot take them: \(error.message)",
                remedy: "leave the projection out, or use a store as \(Program.name) migrate makes it"
            )
        }
    }

    /// What is kept of what a projection's events emit while a generation is folded; nil for a projection that emits
    /// nothing. One that was pointed at when the projection did not emit anything begins to emit now.
    func emissionScope(
        of projection: any Projection,
        _ generation: Generation,
        _ store: ValidatedStore,
        on connection: PostgresConnection
    ) async throws -> EmissionScope? {
        guard projection.emits else { return nil }
        try await requireAppendable(projection, on: connection)
        let emitters = EmitterStore(connection)
        var emitter = try await emitters.emitter(of: projection.name)
        if emitter == nil && generation.state == .pointed {
            let start = GlobalPosition(try await store.newestPosition(on: connection).rawValue + 1)
            try await emitters.begin(projection.name, from: start, in: generation.log)
            emitter = try await emitters.emitter(of: projection.name)
        }
        guard let emitter, emitter.isOf(generation) else {
            return EmissionScope(projection.emittedTypes, after: nil)
        }
        // A mark only moves forward: what is below it now is of no use later.
        return EmissionScope(projection.emittedTypes, after: emitter.emittedThrough)
    }

    /// Makes projections emit from a position of a log on, before they are pointed at for the first time.
    ///
    /// - Parameter refolds: their events are about to be folded again from the first one; otherwise what the live
    ///   generation has folded cannot be emitted any more.
    /// - Throws: ``EngineError/Code/emitsAlready`` when one emits from another position, or has been folded beyond it;
    ///   for a start beyond the log.
    func beginEmitting(
        _ projections: [any Projection],
        from start: GlobalPosition,
        in log: LogID,
        refolds: Bool
    ) async throws {
        try await withConnection(for: "emit") { connection in
            let newest = try await StoreInspection.inspect(connection, settings.store).newestPosition(on: connection)
            guard start.rawValue - 1 <= newest.rawValue else { throw EngineError.emitsBeyondLog(start, newest) }
            for projection in projections where projection.emits {
                let emitters = EmitterStore(connection)
                if let emitter = try await emitters.emitter(of: projection.name) {
                    guard emitter.start == start else { throw EngineError.emitsAlready(projection.name, emitter) }
                    continue
                }
                let live = try await PointerStore(connection).pointer(of: projection.name).live
                if let live, !refolds, try await CheckpointStore(connection).position(of: live) >= start {
                    throw EngineError.foldedWithoutEmitting(projection.name, from: start)
                }
                try await emitters.begin(projection.name, from: start, in: log)
            }
        }
    }
}

extension EngineError {
    fileprivate static func emitsBeyondLog(_ start: GlobalPosition, _ newest: GlobalPosition) -> EngineError {
        EngineError(
            .unknownKey,
            "the newest position of the log is \(newest), and nothing up to \(start) would ever be emitted",
            remedy: "give a position of at most \(newest.rawValue + 1)"
        )
    }

    fileprivate static func emitsAlready(_ name: ProjectionName, _ emitter: Emitter) -> EngineError {
        EngineError(
            .emitsAlready,
            projection: name,
            "\(name) emits from position \(emitter.start) on, and has emitted through \(emitter.emittedThrough): where it "
                + "begins cannot be changed, since nothing is emitted twice",
            remedy: "leave --emit-from out"
        )
    }

    fileprivate static func foldedWithoutEmitting(
        _ name: ProjectionName,
        from start: GlobalPosition
    ) -> EngineError {
        EngineError(
            .emitsAlready,
            projection: name,
            "\(name) has been folded beyond position \(start) without emitting",
            remedy: "run \(Program.name) rebuild \(name) --emit-from \(start)"
        )
    }
}
