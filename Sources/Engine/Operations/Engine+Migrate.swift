internal import EventStore
internal import Postgres
internal import Refold

extension Engine {
    /// Creates what is missing: the store's tables, Refold's own, and for each projection its parents and views.
    ///
    /// Idempotent, and safe when run twice at once: everything happens under one advisory lock. Tables that exist are
    /// never altered.
    ///
    /// - Throws: ``EngineError/Code/emissionLoop`` before anything is created.
    public func migrate() async throws {
        try requireNoEmissionLoop()
        try await withConnection(for: "migrate") { connection in
            // One transaction: neither version could use an installation that is half migrated.
            try await connection.transaction { connection in
                try EventStoreSchema.migrate(within: connection, settings.store)
                let schema = SchemaStore(connection)
                try await schema.lock()
                try await schema.migrate()
                for projection in projections {
                    try await PointerStore(connection).add(projection.name)
                    try await ReadModelTables(connection).addParents(of: projection)
                    try await ReadModelViews(connection).add(of: projection)
                }
            }
        }
    }
}
