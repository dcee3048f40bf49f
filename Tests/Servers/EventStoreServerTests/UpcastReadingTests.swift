import EventStore
import Postgres
import Refold
import TestSupport
import Testing

@Suite("Reading older versions")
struct UpcastReadingTests {
    private static let upcasters = Upcasters([
        Upcaster("versioned", from: 1) { $0.rename("number", to: "n") },
        Upcaster("versioned", from: 2) { payload in
            guard let number = payload["n"]?.asInteger else { throw EventRefusal("there is no number") }
            payload["n"] = .integer(number * 10)
        },
        Upcaster("elsewhere", from: 1) { _ in },
    ])

    private func columns(_ json: String) -> String {
        """
        global_position bigserial PRIMARY KEY, event_type text, event_data \(json), metadata \(json), \
        "timestamp" timestamptz DEFAULT now()
        """
    }

    /// What the reader's session asked the server for last.
    private func lastQuery(of reader: EventReader, _ store: TestStore) async throws -> String {
        let pid = Int64(reader.connection.backendPID)
        let rows = try await store.connection.query(
            "SELECT query FROM pg_stat_activity WHERE pid = $1::bigint",
            [.int64(pid)]
        )
        return try rows.text(0, 0)
    }

    @Test("Payloads of any version arrive in the current one", arguments: ["json", "jsonb"])
    func versions(json: String) async throws {
        try await TestStore.with(migrated: false) { store in
            try await store.connection.executeScript(
                """
                CREATE TABLE \(store.events) (\(columns(json)));
                INSERT INTO \(store.events) (event_type, event_data, metadata)
                SELECT CASE WHEN n % 5 = 0 THEN 'counted' ELSE 'versioned' END,
                    CASE WHEN n % 5 = 1 THEN json_build_object('number', n) ELSE json_build_object('n', n) END,
                    CASE WHEN n % 5 = 1 THEN NULL ELSE json_build_object('type_version', n % 5) END
                FROM generate_series(1, 2500) n
                """
            )
            for options in [
                ReadingOptions(), ReadingOptions(columns: .metadata), ReadingOptions(batchSize: try BatchSize(7)),
                ReadingOptions(eventsPerCopy: 100), ReadingOptions(batchSize: try BatchSize(1)),
            ] {
                let reader = try await store.reader(
                    options,
                    types: ["counted", "versioned"],
                    upcasters: Self.upcasters
                )
                // The second read begins with the statement that the first one found to be needed.
                for after in [0, 1_000] as [GlobalPosition] {
                    var position = after.rawValue
                    try await reader.read(after: after, through: 2_500) { block in
                        for event in block.batches.joined() {
                            position += 1
                            #expect(event.position.rawValue == position)
                            if position % 5 == 4 {
                                let refusal = #expect(throws: EventRefusal.self) { try event.payload.integer("n") }
                                #expect(refusal?.code == .version)
                            } else {
                                let n = try event.payload.integer("n")
                                #expect(n == ([1, 2].contains(position % 5) ? position * 10 : position))
                            }
                        }
                    }
                    #expect(position == 2_500)
                }
            }
        }
    }

    @Test("What an upcaster refuses is refused when the payload is read, and nothing else")
    func refused() async throws {
        try await TestStore.with { store in
            try await store.connection.executeScript(
                """
                INSERT INTO \(store.events) (event_id, stream_id, stream_version, event_type, event_data)
                SELECT gen_random_uuid(), n::text, 1, 'versioned', json_build_object('number', nullif(n, 2))
                FROM generate_series(1, 3) n
                """
            )
            let reader = try await store.reader(types: ["versioned"], upcasters: Self.upcasters)
            try await reader.read(after: 0, through: 3) { block in
                let events = Array(block.batches.joined())
                #expect(events.count == 3)
                let refusal = #expect(throws: EventRefusal.self) { try events[1].payload.integer("n") }
                #expect(refusal?.reason == "versioned of version 1 cannot be made version 3: there is no number")
                let numbers = try [0, 2].map { try events[$0].payload.integer("n") }
                #expect(numbers == [10, 30])
            }
        }
    }

    @Test("A log without events of such types is read by the same statement as without upcasters")
    func sameStatement() async throws {
        try await TestStore.with { store in
            try await store.connection.executeScript("\(store.insert) FROM generate_series(1, 10)")
            var queries: [String] = []
            for upcasters in [Upcasters(), Self.upcasters] {
                for types in [["counted"], ["counted", "versioned"]] as [[EventType]] {
                    let reader = try await store.reader(types: types, upcasters: upcasters)
                    #expect(try await reader.positions(through: 10).count == 10)
                    queries.append(try await lastQuery(of: reader, store))
                }
            }
            #expect(Set(queries).count == 1)
            #expect(queries.first?.contains("metadata") == false)

            // The first such event brings the versions in, for the types declared and no others.
            try await store.connection.executeScript(
                """
                INSERT INTO \(store.events) (event_id, stream_id, stream_version, event_type, event_data)
                VALUES (gen_random_uuid(), 'v', 1, 'versioned', '{"number": 1}')
                """
            )
            let reader = try await store.reader(types: ["counted", "versioned"], upcasters: Self.upcasters)
            #expect(try await reader.positions(through: 11).count == 11)
            let query = try await lastQuery(of: reader, store)
            #expect(query.contains("CASE WHEN e.event_type IN ('versioned') THEN e.metadata END"))
            #expect(query.contains("e.global_position > (10)"))
            let other = try await store.reader(upcasters: Self.upcasters)
            #expect(try await other.positions(through: 11).count == 11)
            #expect(try await lastQuery(of: other, store).contains("metadata") == false)
        }
    }

    @Test("In a store without metadata every version is 1")
    func noMetadata() async throws {
        try await TestStore.with(migrated: false) { store in
            try await store.connection.executeScript(
                """
                CREATE TABLE \(store.events) (global_position bigserial PRIMARY KEY, event_type varchar(20),
                    event_data json, "timestamp" timestamptz DEFAULT now());
                INSERT INTO \(store.events) (event_type, event_data) VALUES ('versioned', '{"number": 7}')
                """
            )
            let reader = try await store.reader(types: ["versioned"], upcasters: Self.upcasters)
            try await reader.read(after: 0, through: 1) { block in
                let number = try block.batches[0][0].payload.integer("n")
                #expect(number == 70)
            }
            #expect(try await lastQuery(of: reader, store).contains("metadata") == false)
        }
    }
}
