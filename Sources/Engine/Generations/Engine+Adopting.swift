internal import EventStore
package import Postgres
internal import Refold

/// How this version treats generations and tables of other versions of refold.
extension Engine {
    /// The version of the bookkeeping's tables that this refold works with; see `Schema/refold.sql`.
    static let schemaVersion: Int32 = 2

    /// A generation, if it agrees with the projection as it is now. An identity in a former format is rewritten, so
    /// that an upgrade invalidates no read model.
    ///
    /// - Returns: nil when another version or other settings folded it.
    func adoptIdentity(
        of generation: Generation,
        _ projection: any Projection,
        on connection: PostgresConnection
    ) async throws -> Generation? {
        let identity = identity(of: projection)
        var current = generation
        switch identity.match(generation.identity) {
        case .other: return nil
        case .same: break
        case .former:
            try await GenerationStore(connection).setIdentity(identity, of: generation.number)
            current.identity = identity.text
        }
        return current
    }

    /// Records which log a generation is folded from, where that is not known yet.
    func adoptLog(_ log: LogID, of generation: Generation, on connection: PostgresConnection) async throws -> Generation
    {
        guard generation.log == nil else { return generation }
        try await GenerationStore(connection).setLog(log, of: generation.number)
        var current = generation
        current.log = log
        return current
    }

    /// - Throws: ``EngineError/Code/notMigrated`` where refold's own tables are missing or of an older version,
    ///   ``EngineError/Code/otherSchema`` where a newer refold has migrated them.
    package func requireMigration(on connection: PostgresConnection) async throws {
        let remedy = "run \(Program.name) migrate"
        guard let version = try await SchemaStore(connection).version() else {
            throw EngineError(.notMigrated, "refold's tables are not in this database yet", remedy: remedy)
        }
        if version < Self.schemaVersion {
            throw EngineError(
                .notMigrated,
                "refold's tables in this database are of version \(version), and this refold needs \(Self.schemaVersion)",
                remedy: remedy
            )
        }
        if version > Self.schemaVersion {
            throw EngineError(
                .otherSchema,
                "refold's tables in this database are of version \(version), and this refold knows \(Self.schemaVersion)",
                remedy: "use the refold that migrated them, or a newer one"
            )
        }
    }
}
