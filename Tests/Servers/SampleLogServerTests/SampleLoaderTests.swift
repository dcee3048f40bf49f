import EventStore
import Postgres
import Refold
import SampleLog
import TestSupport
import Testing

@Suite("Loading a sample log") struct SampleLoaderTests {
    /// What the store holds, in the terms of its contract.
    private struct Contents: Equatable {
        var events: Int64 = 0
        var newest: Int64 = 0
        var last: Int64 = 0
        var brokenStreams: Int64 = 0
        var wrongVersions: Int64 = 0
    }

    private func contents(_ connection: PostgresConnection, sequence: String = "events_global_position_seq")
        async throws
        -> Contents
    {
        let found = try await connection.query(
            """
            SELECT (SELECT count(*) FROM events), (SELECT coalesce(max(global_position), 0)::int8 FROM events),
                (SELECT last_value FROM \(sequence)),
                (SELECT count(*) FROM (SELECT stream_id FROM events GROUP BY stream_id
                    HAVING count(*) <> max(stream_version) OR min(stream_version) <> 1) AS broken),
                (SELECT count(*) FROM streams FULL JOIN
                    (SELECT stream_id, max(stream_version) AS version FROM events GROUP BY stream_id) AS e
                    USING (stream_id) WHERE streams.version IS DISTINCT FROM e.version)
            """
        )
        return Contents(
            events: try found.int64(0, 0),
            newest: try found.int64(0, 1),
            last: try found.int64(0, 2),
            brokenStreams: try found.int64(0, 3),
            wrongVersions: try found.int64(0, 4)
        )
    }

    @Test("leaves gapless streams, their versions and the sequence right", arguments: ["json", "jsonb"])
    func loads(payload: String) async throws {
        try await TestDatabase.with { database in
            let connection = try await database.connect()
            try await connection.executeScript(SampleStoreTables.ddl(payload: payload))
            let summary = try await SampleLoader().load(SampleLog(events: 3_000), on: connection)
            #expect(summary.events == 3_000 && summary.after == 0 && summary.last == 3_000)
            #expect(try await contents(connection) == Contents(events: 3_000, newest: 3_000, last: 3_000))
            let first = try await connection.query("SELECT event_data::text FROM events WHERE global_position = 1")
            #expect(try first.text(0, 0).contains("\"user_id\""))
            await connection.close()
        }
    }

    @Test("continues a log: positions, stream versions and time go on, ids are new") func continues() async throws {
        try await TestDatabase.with { database in
            let connection = try await database.connect()
            try await connection.executeScript(SampleStoreTables.ddl(payload: "json"))
            let log = SampleLog(events: 2_000)
            _ = try await SampleLoader().load(log, on: connection)
            let summary = try await SampleLoader().load(log, on: connection)
            #expect(summary.after == 2_000 && summary.last == 4_000)
            #expect(try await contents(connection) == Contents(events: 4_000, newest: 4_000, last: 4_000))
            let seam = try await connection.query(
                """
                SELECT (SELECT "timestamp" FROM events WHERE global_position = 2000)
                    - (SELECT "timestamp" FROM events WHERE global_position = 2001) < interval '1 day'
                """
            )
            #expect(try seam.bool(0, 0))
            await connection.close()
        }
    }

    @Test("appends sessions, other ones each time") func appendsSessions() async throws {
        try await TestDatabase.with { database in
            let connection = try await database.connect()
            try await connection.executeScript(SampleStoreTables.ddl(payload: "json"))
            var events = 0
            for _ in 0..<2 {
                events += try await SampleLoader().load(SampleLog(events: 100, sessions: 30), on: connection).events
            }
            let last = Int64(events)
            #expect(try await contents(connection) == Contents(events: last, newest: last, last: last))
            let sessions = try await connection.query("SELECT count(*) FROM streams WHERE stream_id LIKE 'session-%'")
            #expect(try sessions.int64(0, 0) == 60)
            await connection.close()
        }
    }

    @Test("gives two stores the same log") func isRepeatable() async throws {
        var digests: [String] = []
        for _ in 0..<2 {
            try await TestDatabase.with { database in
                let connection = try await database.connect()
                try await connection.executeScript(SampleStoreTables.ddl(payload: "json"))
                _ = try await SampleLoader().load(SampleLog(events: 1_000, seed: 3), on: connection)
                let digest = try await connection.query(
                    "SELECT md5(string_agg(e::text, ',' ORDER BY global_position)) FROM events e"
                )
                digests.append(try digest.text(0, 0))
                await connection.close()
            }
        }
        #expect(digests[0] == digests[1])
    }

    @Test("goes into tables of other names and types") func loadsElsewhere() async throws {
        try await TestDatabase.with { database in
            let connection = try await database.connect()
            try await connection.executeScript(
                """
                CREATE SCHEMA "My Shop";
                CREATE TABLE "My Shop"."Log" (global_position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                    event_id uuid UNIQUE, stream_id varchar(100), stream_version bigint, event_type varchar(80),
                    event_data jsonb, metadata json, "timestamp" timestamp, UNIQUE (stream_id, stream_version));
                CREATE TABLE "My Shop"."Log streams" (stream_id text PRIMARY KEY, version bigint,
                    last_updated timestamp);
                """
            )
            let store = EventStoreSettings(schema: "My Shop", eventsTable: "Log", streamsTable: "Log streams")
            for _ in 0..<2 { _ = try await SampleLoader(into: store).load(SampleLog(events: 500), on: connection) }
            let found = try await connection.query(
                """
                SELECT count(*), count(*) FILTER (WHERE s.version < e.stream_version), min("timestamp")::text
                FROM "My Shop"."Log" e JOIN "My Shop"."Log streams" s USING (stream_id)
                """
            )
            #expect(try found.int64(0, 0) == 1_000)
            #expect(try found.int64(0, 1) == 0)
            await connection.close()
        }
    }

    @Test("leaves nothing behind when it is cancelled") func isAllOrNothing() async throws {
        try await TestDatabase.with { database in
            let connection = try await database.connect()
            try await connection.executeScript(SampleStoreTables.ddl(payload: "json"))
            let load = Task {
                try await SampleLoader().load(SampleLog(events: 200_000), on: connection) { _ in
                    withUnsafeCurrentTask { $0?.cancel() }
                }
            }
            await #expect(throws: PostgresError.self) { try await load.value }
            #expect(try await contents(connection).events == 0)
            await connection.close()
        }
    }
}
