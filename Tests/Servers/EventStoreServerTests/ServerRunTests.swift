import EventStore
import Glibc
import Postgres
import Refold
import TestSupport
import Testing

@Suite("A recovery of the server", .serialized)
struct ServerRunTests {
    private func append(_ count: Int, on connection: PostgresConnection) async throws {
        let events = (0..<count).map { NewEvent(type: "counted", payload: "\($0)") }
        _ = try await EventStreams(connection).append(to: "a", events: events)
    }

    /// Kills a server process, so that the server recovers while its postmaster lives on, and waits until it has.
    private func crash(_ url: String) async throws {
        let victim = try await PostgresConnection.connect(to: url)
        let witness = try await PostgresConnection.connect(to: url)
        let before = try await victim.query("SELECT pg_postmaster_start_time()").timestamp(0, 0)
        let isKilled = kill(victim.backendPID, SIGKILL) == 0
        #expect(isKilled)
        // The server still answers on other sessions until it has noticed, and ends them then.
        try await wait(for: "the other sessions' end", within: .seconds(60)) {
            do {
                _ = try await witness.query("SELECT 1")
                return false
            } catch { return true }
        }
        await victim.close()
        try await wait(for: "the server to accept connections", within: .seconds(60)) {
            guard let connection = try? await PostgresConnection.connect(to: url),
                let row = try? await connection.query("SELECT pg_is_in_recovery(), pg_postmaster_start_time()")
            else { return false }
            #expect(try row.timestamp(0, 1) == before, "the postmaster is the same")
            await connection.close()
            return try !row.bool(0, 0)
        }
    }

    @Test(
        "after a backend was killed is another run, and a subscription loses and repeats nothing",
        .timeLimit(.minutes(3)),
        arguments: [true, false]
    )
    func killed(hasTable: Bool) async throws {
        // What no commit has written is lost in a crash, unless the server writes it by itself: now and then above the
        // minimal level, and whole pages.
        let settings = [
            "wal_writer_delay": "10s", "wal_level": "minimal", "max_wal_senders": "0", "full_page_writes": "off",
        ]
        try await PrivatePostgres.with(settings: settings) { server in
            let store = EventStoreSettings()
            let setup = try await PostgresConnection.connect(to: server.url)
            try await EventStoreSchema.migrate(on: setup, store)
            if !hasTable { try await setup.executeScript("DROP TABLE refold.server_run") }
            await setup.close()
            let subscriptions = EventSubscriptions(store) { try await PostgresConnection.connect(to: server.url) }
            let all = Task {
                var positions: [Int64] = []
                for try await event in subscriptions.subscribe(from: 1) {
                    positions.append(event.position.rawValue)
                    if event.type == "last" { break }
                }
                return positions
            }
            var forgotten = 0
            for _ in 0..<12 where forgotten < 2 {
                let writer = try await PostgresConnection.connect(to: server.url)
                try await append(50, on: writer)
                let probe = HighWaterMarkProbe(writer, try await StoreInspection.inspect(writer, store))
                // Positions that are passed as holes, and that a crash forgets: the next events get them again.
                try await writer.executeScript(
                    """
                    BEGIN;
                    SELECT setval('events_global_position_seq', nextval('events_global_position_seq') + 1000);
                    ROLLBACK
                    """
                )
                let mark = try await probe.sample().mark
                try await Task.sleep(for: .milliseconds(50))
                try await crash(server.url)
                let lost = await #expect(throws: EventStoreError.self) { try await probe.sample() }
                #expect(lost?.isTransient == true)
                let next = try await PostgresConnection.connect(to: server.url)
                let found = try await StoreInspection.inspect(next, store)
                #expect((found.serverRun != probe.store.serverRun) == hasTable)
                if try await HighWaterMarkProbe(next, found).sample().lastValue < mark { forgotten += 1 }
                await next.close()
            }
            #expect(forgotten > 0, "no crash made the sequence fall")
            let writer = try await PostgresConnection.connect(to: server.url)
            try await append(50, on: writer)
            _ = try await EventStreams(writer).append(to: "a", events: [NewEvent(type: "last", payload: "0")])
            let rows = try await writer.query("SELECT global_position FROM events ORDER BY 1").rows
            let truth = try rows.map { try $0.int64(0) }
            #expect(try await all.value == truth)
            await writer.close()
        }
    }

    @Test("behind a pooler that keeps the sessions ends every look, every read and every storing of the mark")
    func pooled() async throws {
        try await TestStore.with { store in
            try await store.connection.executeScript("\(store.insert) FROM generate_series(1, 20)")
            let found = try await store.inspect()
            #expect(found.serverRun.id != nil)
            #expect(try await store.inspect().serverRun == found.serverRun)
            let (probe, reader) = (try await store.probe(), try await store.reader())
            let log = try await LogIdentityStore.open(store.connection, found)
            let mark = try await probe.sample().mark
            #expect(try await reader.positions(through: mark).count == 20)
            let subscriptions = EventSubscriptions { try await store.connect() }
            let all = Task {
                var positions: [Int64] = []
                for try await event in subscriptions.subscribe(from: 1) {
                    positions.append(event.position.rawValue)
                    if positions.count == 21 { break }
                }
                return positions
            }

            // What recovery does to the table.
            try await store.connection.executeScript("DELETE FROM refold.server_run")
            func code(_ body: () async throws -> Void) async -> EventStoreError.Code? {
                await #expect(throws: EventStoreError.self) { try await body() }?.code
            }
            #expect(await code { _ = try await probe.sample() } == .storeChanged)
            #expect(await code { _ = try await reader.positions(through: mark) } == .storeChanged)
            #expect(await code { _ = try await reader.firstPosition(after: 0, through: mark) } == .storeChanged)
            #expect(
                await code { try await LogIdentityStore.store(mark, of: found, log: log.id, on: store.connection) }
                    == .storeChanged
            )
            #expect(try await LogIdentityStore.verify(store.connection, found)?.mark == 0, "it is not stored")

            let again = try await store.inspect()
            #expect(again.serverRun.id != nil && again.serverRun != found.serverRun)
            #expect(try await store.reader().positions(through: mark).count == 20)
            try await LogIdentityStore.store(mark, of: again, log: log.id, on: store.connection)
            try await store.connection.executeScript(store.insert)
            #expect(try await all.value == Array(1...21))
        }
    }

    @Test("Reading leaves nothing in the session")
    func settings() async throws {
        try await TestStore.with { store in
            try await store.connection.executeScript("\(store.insert) FROM generate_series(1, 20)")
            let reader = try await store.reader()
            #expect(try await reader.positions(through: 20).count == 20)
            let rows = try await reader.connection.query(
                """
                SELECT current_setting('enable_sort'), current_setting('enable_seqscan'), current_setting('row_security')
                """
            )
            for column in 0..<3 { #expect(try rows.text(0, column) == "on") }
        }
    }
}
