import EventStore
import Postgres
import Refold
import TestSupport
import Testing

/// A store that somebody else made.
enum StoreShape: String, CaseIterable {
    case identity, unownedSequence, partitioned, jsonbNaiveElsewhere

    var settings: EventStoreSettings {
        self == .jsonbNaiveElsewhere
            ? EventStoreSettings(schema: "Sales \"EU\"", eventsTable: "Event Log", streamsTable: "s")
            : EventStoreSettings()
    }

    func script(_ table: String) -> String {
        let columns = "event_type text, event_data json, metadata json, \"timestamp\" timestamptz DEFAULT now()"
        return switch self {
        case .identity:
            "CREATE TABLE \(table) (global_position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, \(columns))"
        case .unownedSequence:
            """
            CREATE SCHEMA numbers; CREATE SEQUENCE numbers.positions;
            CREATE TABLE \(table) (global_position bigint DEFAULT nextval('numbers.positions') PRIMARY KEY, \(columns))
            """
        case .partitioned:
            """
            CREATE TABLE \(table) (global_position bigserial PRIMARY KEY, \(columns)) PARTITION BY RANGE (global_position);
            CREATE TABLE low PARTITION OF \(table) FOR VALUES FROM (0) TO (3);
            CREATE TABLE high PARTITION OF \(table) FOR VALUES FROM (3) TO (1000)
            """
        case .jsonbNaiveElsewhere:
            """
            CREATE SCHEMA \(quoteIdentifier(settings.schema));
            CREATE TABLE \(table) (stream_id varchar(9), "timestamp" timestamp DEFAULT '2000-01-02', event_data jsonb,
                event_type varchar(20), global_position serial PRIMARY KEY)
            """
        }
    }
}

@Suite("Adopted stores")
struct AdoptedStoreTests {
    @Test("Stores of other makes are marked and read", arguments: StoreShape.allCases)
    func adopted(shape: StoreShape) async throws {
        try await TestStore.with(shape.settings, migrated: false) { store in
            try await store.connection.executeScript(shape.script(store.events))
            let insert = "INSERT INTO \(store.events) (event_type, event_data) SELECT 'counted', '{\"n\": 1e0}'"
            let writer = try await store.connect()
            let probe = try await store.probe()
            try await store.connection.executeScript("\(insert) FROM generate_series(1, 3)")
            #expect(try await probe.sample().mark == 3)
            try await writer.executeScript("BEGIN; \(insert)")
            try await store.connection.executeScript(insert)
            #expect(try await probe.sample().mark == 3)
            try await writer.executeScript("COMMIT")
            #expect(try await probe.sample().mark == 5)

            let reader = try await store.reader(ReadingOptions(columns: [.metadata, .streamID]))
            var sum: Int64 = 0
            try await reader.read(after: 0, through: 5) { block in
                for event in block.batches.joined() {
                    sum += try event.payload.integer("n")
                    #expect(event.metadata == nil)
                    #expect(event.streamID == nil)
                    let timestamp = try event.timestamp
                    if shape == .jsonbNaiveElsewhere { #expect(timestamp.rawValue == 86_400_000_000) }
                }
            }
            #expect(sum == 5)
        }
    }

    @Test("Columns of different collations are joined to the digest that columns of one have")
    func collations() async throws {
        try await TestStore.with(migrated: false) { store in
            try await store.connection.executeScript(
                """
                CREATE TABLE events (global_position bigserial PRIMARY KEY, event_type varchar(9) COLLATE "C",
                    stream_id text COLLATE "POSIX", event_data json, "timestamp" timestamptz);
                INSERT INTO events (event_type, stream_id, event_data, "timestamp") VALUES ('é', 'ß ', '1', '2024-01-02')
                """
            )
            let found = try await store.inspect()
            let anchor = try await store.connection.query(
                """
                SELECT a.event, 'md5:' || md5('é ' || extract(epoch FROM timestamptz '2024-01-02') || ' ß ')
                FROM (\(found.lastAnchorSQL(atOrBelow: "1"))) a
                """
            )
            #expect(try anchor.text(0, 0) == anchor.text(0, 1))
            try await EventStoreSchema.migrate(on: store.connection)
            let log = try await LogIdentityStore.open(store.connection, found)
            try await LogIdentityStore.store(1, of: found, log: log.id, on: store.connection)
            #expect(try await LogIdentityStore.verify(store.connection, found)?.mark == 1)
        }
    }

    @Test("An open COPY into the store holds the mark")
    func copy() async throws {
        try await TestStore.with { store in
            let writer = try await store.connect()
            let probe = try await store.probe()
            try await writer.beginCopyIn(
                "COPY \(store.events) (event_id, stream_id, stream_version, event_type, event_data) FROM STDIN"
            )
            var line = "00000000-0000-0000-0000-000000000001\ta\t1\tcounted\t{}\n"
            try await writer.writeCopy(Array(line.utf8))
            line = ""
            // The server takes rows as they come; wait until it has drawn one.
            let deadline = ContinuousClock.now + .seconds(10)
            while try await probe.sample().hold == nil {
                try #require(ContinuousClock.now < deadline, "COPY drew no position")
                // Its buffer is sent on when full; so fill it.
                let id = "00000000-0000-0000-0001-\(String(UInt64.random(in: 0..<1 << 48) | 1 << 47, radix: 16))"
                try await writer.writeCopy(Array("\(id)\tb\(id)\t1\tcounted\t{}\n".utf8))
            }
            try await store.connection.executeScript(store.insert)
            #expect(try await probe.sample().mark == 0)
            _ = try await writer.endCopyIn()
            let sample = try await probe.sample()
            #expect(sample.mark == sample.lastValue)
            let reader = try await store.reader()
            let positions = try await reader.positions(through: sample.mark)
            #expect(Int64(positions.count) == sample.mark.rawValue)
        }
    }

    @Test("The holder is named with application and age; a role without the right sees no age")
    func details() async throws {
        try await TestStore.with { store in
            let writer = try await store.connect()
            try await writer.executeScript("SET application_name = 'slow writer'; BEGIN; \(store.insert)")
            let probe = try await store.probe()
            let hold = try #require(try await probe.sample().hold)
            let details = try #require(try await probe.details(of: hold))
            #expect(details.position == 1)
            #expect(details.processID == writer.backendPID)
            #expect(details.application == "slow writer")
            #expect(details.age != nil)

            let role = "watcher_\(UInt64.random(in: 0 ... .max))"
            try await store.connection.executeScript(
                "CREATE ROLE \(role); GRANT SELECT ON \(store.sequence) TO \(role)"
            )
            try await probe.connection.executeScript("SET ROLE \(role)")
            let seen = try #require(try await probe.details(of: hold))
            try await probe.connection.executeScript("RESET ROLE")
            try await store.connection.executeScript("DROP OWNED BY \(role); DROP ROLE \(role)")
            #expect(seen.application == "slow writer")
            #expect(seen.age == nil)
            #expect(seen.description.contains("pg_read_all_stats"))
            try await writer.executeScript("ROLLBACK")
            #expect(try await probe.details(of: hold) == nil)
        }
    }
}
