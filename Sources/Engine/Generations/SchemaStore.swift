internal import EventStore
internal import Postgres
internal import Refold

/// Refold's own tables, as `Schema/refold.sql` makes them, and their version.
struct SchemaStore: Sendable {
    private let connection: PostgresConnection

    /// The tables on a session, in a transaction of the caller's where a method says so.
    init(_ connection: PostgresConnection) { self.connection = connection }

    /// Keeps others from changing the schema. Until the end of the transaction.
    func lock() async throws {
        _ = try await connection.query(Statements.lock)
    }

    /// The version of the tables; nil where there are none.
    func version() async throws -> Int32? {
        guard try await connection.query(Statements.hasTables).bool(0, 0) else { return nil }
        // The first version did not write it down.
        guard try await connection.query(Statements.hasVersion).bool(0, 0) else { return 1 }
        return try await connection.query(Statements.version).int32(0, 0)
    }

    /// Creates what is missing, and brings older tables up to date. In a transaction that has the ``lock()``.
    func migrate() async throws {
        try await connection.executeScript(String(decoding: PackageResources.refold_sql, as: UTF8.self))
    }
}

extension SchemaStore {
    private enum Statements {
        /// Advisory locks share one space in a database: "Refo" in the upper bytes keeps ours apart.
        static let lock = "SELECT pg_advisory_xact_lock(\(0x5265_666f_0000_0000 as Int64))"

        static let hasTables = "SELECT to_regclass('refold.generations') IS NOT NULL"

        static let hasVersion = "SELECT to_regclass('refold.schema_version') IS NOT NULL"

        static let version = "SELECT version FROM refold.schema_version"
    }
}
