internal import EventStore
internal import Postgres
internal import Refold

extension Engine {
    /// Creates what is missing: the store's tables, Refold's own, and for each projection its parents and views.
    ///
    /// Idempotent, and safe when run twice at once: everything happens under one advisory lock. Tables that exist are
    /// never altered.
    public func migrate() async throws {
        try await withConnection(for: "migrate") { connection in
            // One transaction: of an installation that is half migrated neither version could make anything.
            try await connection.transaction { connection in
                try EventStoreSchema.migrate(within: connection, settings.store)
                _ = try connection.query(
                    "SELECT pg_advisory_xact_lock($1)",
                    [.int64(PostgresConnection.lockKey(of: 0))]
                )
                try connection.executeScript(Self.bookkeepingSQL)
                for projection in projections { try connection.addProjection(projection) }
            }
        }
    }

    private static var bookkeepingSQL: String { String(decoding: PackageResources.refold_sql, as: UTF8.self) }
}

extension PostgresConnection {
    /// The pointer row of a projection, and the parents and views of its tables. A view that exists is left alone: it
    /// may stand for another shape, and changes only when the pointer moves.
    fileprivate func addProjection(_ projection: any Projection) throws {
        try execute(
            "INSERT INTO refold.projections (name) VALUES ($1) ON CONFLICT DO NOTHING",
            [.text(projection.name.rawValue)]
        )
        for table in projection.model.tables {
            try executeScript(table.createParentSQL)
            guard table.isPublic, try !tableExists(quoteIdentifier("read_models", table.name)) else { continue }
            try executeScript(table.createViewSQL(of: projection.name))
        }
    }
}
