import AggregateStore
import EventStore
import Postgres
import TestSupport

/// An event store in a database of its own, with tallies in it.
struct TallyStore: Sendable {
    let database: TestDatabase
    /// For what the test itself asks.
    let connection: PostgresConnection
    let settings: EventStoreSettings

    static func with<Result: Sendable>(
        _ settings: EventStoreSettings = EventStoreSettings(),
        isolation: isolated (any Actor)? = #isolation,
        _ body: (TallyStore) async throws -> Result
    ) async throws -> Result {
        try await TestDatabase.with { database in
            let store = TallyStore(database: database, connection: try await database.connect(), settings: settings)
            try await EventStoreSchema.migrate(on: store.connection, settings)
            return try await body(store)
        }
    }

    /// A repository on the test's connection.
    func tallies(
        snapshots: SnapshotPolicy = .default,
        retries: ConflictRetries = ConflictRetries(firstWait: .milliseconds(1))
    ) -> Repository<Tally> {
        Repository(connection, settings, snapshots: snapshots, retries: retries)
    }

    /// A repository on a connection of its own.
    func otherTallies() async throws -> Repository<Tally> {
        Repository(try await database.connect(), settings)
    }

    /// One number.
    func number(_ sql: String) async throws -> Int64 {
        try await connection.query(sql).int64(0, 0)
    }

    /// Changes the database as nobody should.
    func change(_ sql: String) async throws {
        try await connection.executeScript(sql)
    }

    /// The version of the one snapshot; nil without any.
    func snapshotVersion() async throws -> Int64? {
        let found = try await connection.query("SELECT version::bigint FROM refold.snapshots")
        return found.isEmpty ? nil : try found.int64(0, 0)
    }
}
