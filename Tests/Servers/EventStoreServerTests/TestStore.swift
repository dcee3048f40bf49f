import EventStore
import Postgres
import Refold
import TestSupport
import Testing

/// An event store in a database of its own.
struct TestStore: Sendable {
    let database: TestDatabase
    let settings: EventStoreSettings
    /// For what the test itself asks; readers and writers get connections of their own.
    let connection: PostgresConnection

    /// Creates a database, lends the store in it, and drops it.
    ///
    /// - Parameter migrated: false leaves the database empty, for stores of another make.
    static func with<Result: Sendable>(
        _ settings: EventStoreSettings = EventStoreSettings(),
        migrated: Bool = true,
        _ body: (TestStore) async throws -> Result
    ) async throws -> Result {
        try await TestDatabase.with { database in
            let store = TestStore(database: database, settings: settings, connection: try await database.connect())
            if migrated { try await EventStoreSchema.migrate(on: store.connection, settings) }
            return try await body(store)
        }
    }

    var events: String { quoteIdentifier(settings.schema, settings.eventsTable) }
    var sequence: String { quoteIdentifier(settings.schema, settings.eventsTable + "_global_position_seq") }

    /// INSERT of one event in a stream of its own; a FROM clause may follow.
    var insert: String {
        """
        INSERT INTO \(events) (event_id, stream_id, stream_version, event_type, event_data)
        SELECT gen_random_uuid(), gen_random_uuid()::text, 1, 'counted', '{"n": 1}'
        """
    }

    func connect() async throws -> PostgresConnection {
        try await database.connect()
    }

    func inspect() async throws -> ValidatedStore {
        try await StoreInspection.inspect(connection, settings)
    }

    /// The refusal of a store that is not fit.
    func refusal() async throws -> EventStoreError? {
        await #expect(throws: EventStoreError.self) { try await inspect() }
    }

    func probe(from stored: GlobalPosition = .zero) async throws -> HighWaterMarkProbe {
        HighWaterMarkProbe(try await connect(), try await inspect(), from: stored)
    }

    func reader(
        _ options: ReadingOptions = ReadingOptions(),
        types: [EventType] = ["counted"],
        upcasters: Upcasters = Upcasters()
    ) async throws -> EventReader {
        EventReader(try await connect(), try await inspect(), types: types, upcasters: upcasters, options: options)
    }
}

extension EventReader {
    /// The positions of a range.
    func positions(after: GlobalPosition = .zero, through: GlobalPosition) async throws -> [Int64] {
        var positions: [Int64] = []
        try await read(after: after, through: through) { block in
            for batch in block.batches { positions += batch.map(\.position.rawValue) }
        }
        return positions
    }
}
