import EventStore
import Postgres
import Refold
import TestSupport
import Testing

@Suite("The same log or another")
struct LogIdentityStoreTests {
    private func refusal(_ store: TestStore) async throws -> EventStoreError? {
        let found = try await store.inspect()
        return await #expect(throws: EventStoreError.self) {
            try await LogIdentityStore.verify(store.connection, found)
        }
    }

    /// A log of as many events, read to its end.
    private func read(_ events: Int, _ store: TestStore) async throws -> KnownLog {
        try await store.connection.executeScript("\(store.insert) FROM generate_series(1, \(events))")
        let found = try await store.inspect()
        let log = try await LogIdentityStore.open(store.connection, found)
        try await LogIdentityStore.store(GlobalPosition(Int64(events)), of: found, log: log.id, on: store.connection)
        return log
    }

    @Test("A log that was never read is not known; a stored mark is found again and never lowered")
    func stored() async throws {
        try await TestStore.with { store in
            let found = try await store.inspect()
            #expect(try await LogIdentityStore.verify(store.connection, found) == nil)
            try await store.connection.executeScript("\(store.insert) FROM generate_series(1, 20)")
            let log = try await LogIdentityStore.open(store.connection, found)
            #expect(log.mark == 0 && log.notes.isEmpty)
            for mark: GlobalPosition in [15, 12] {
                try await LogIdentityStore.store(mark, of: found, log: log.id, on: store.connection)
            }
            let known = try #require(try await LogIdentityStore.verify(store.connection, found))
            #expect(known.mark == 15 && known.id == log.id && known.notes.isEmpty)
        }
    }

    @Test("A sequence set back is refused with the remedy, at a start and while reading; a new log can then be begun")
    func setBack() async throws {
        try await TestStore.with { store in
            let log = try await read(20, store)
            let found = try await store.inspect()
            let probe = try await store.probe()
            #expect(try await probe.sample().mark == 20)

            try await store.connection.executeScript("SELECT setval('\(store.sequence)', 19)")
            let running = await #expect(throws: EventStoreError.self) { try await probe.sample() }
            #expect(running?.code == .logShrank)
            let starting = try await refusal(store)
            #expect(starting?.code == .logShrank)
            #expect(starting?.message.contains("19") == true)
            #expect(starting?.remedy != nil)

            try await store.connection.executeScript("TRUNCATE \(store.events) RESTART IDENTITY")
            #expect(try await refusal(store)?.code == .logShrank)
            let begun = try await LogIdentityStore.begin(store.connection, found)
            #expect(begun.id > log.id && begun.mark == 0)
            #expect(try await LogIdentityStore.verify(store.connection, found)?.id == begun.id)
            #expect(try await LogIdentityStore.begin(store.connection, found).id == begun.id, "it is known by now")
            // What was known of the other one is still there, and nobody writes to it any more.
            let late = await #expect(throws: EventStoreError.self) {
                try await LogIdentityStore.store(30, of: found, log: log.id, on: store.connection)
            }
            #expect(late?.code == .storeChanged && late?.isTransient == true)
            let old = try await store.connection.query(
                "SELECT mark, (SELECT count(*) FROM refold.anchors WHERE log_id = id) FROM refold.logs WHERE id = $1",
                [.int64(log.id.rawValue)]
            )
            #expect(try old.int64(0, 0) == 20 && old.int64(0, 1) > 0)
        }
    }

    @Test("Another server, timeline or database with the same events is adopted, and said")
    func moved() async throws {
        try await TestStore.with { store in
            _ = try await read(20, store)
            let found = try await store.inspect()
            for (change, word) in [
                ("system_identifier = 5", "system identifier"), ("timeline = 77", "timeline"),
                ("database_oid = 1", "database"), ("events_oid = 1", "events table"),
            ] {
                try await store.connection.executeScript("UPDATE refold.logs SET \(change)")
                for _ in 0..<2 {
                    let looked = try await LogIdentityStore.verify(store.connection, found, adopting: false)
                    #expect(looked?.notes.count == 1 && looked?.notes.first?.contains(word) == true, "\(change)")
                }
                let adopted = try await LogIdentityStore.verify(store.connection, found)
                #expect(adopted?.mark == 20 && adopted?.notes.count == 1)
                #expect(try await LogIdentityStore.verify(store.connection, found)?.notes.isEmpty == true)
            }
        }
    }

    @Test("A log restored from a backup that has grown past the mark again is found out", arguments: [true, false])
    func restoredAndGrown(hasIDs: Bool) async throws {
        try await TestStore.with { store in
            if !hasIDs { try await store.connection.executeScript("ALTER TABLE \(store.events) DROP COLUMN event_id") }
            let insert = store.insert.replacing("event_id, ", with: hasIDs ? "event_id, " : "")
                .replacing("gen_random_uuid(), gen", with: hasIDs ? "gen_random_uuid(), gen" : "gen")
            try await store.connection.executeScript("\(insert) FROM generate_series(1, 20)")
            let found = try await store.inspect()
            #expect(found.hasEventID == hasIDs)
            let log = try await LogIdentityStore.open(store.connection, found)
            try await LogIdentityStore.store(20, of: found, log: log.id, on: store.connection)
            #expect(try await LogIdentityStore.verify(store.connection, found)?.notes.isEmpty == true)
            try await store.connection.executeScript("UPDATE \(store.events) SET event_data = '{}'")
            #expect(
                try await LogIdentityStore.verify(store.connection, found)?.notes.isEmpty == true,
                "payloads may be erased"
            )

            try await store.connection.executeScript(
                """
                DELETE FROM \(store.events) WHERE global_position > 15; SELECT setval('\(store.sequence)', 15);
                \(insert) FROM generate_series(1, 30)
                """
            )
            let error = try await refusal(store)
            #expect(error?.code == .otherLog)
            #expect(error?.message.contains("position 20") == true)
            #expect(error?.remedy?.contains("--fresh") == true)
        }
    }

    @Test("An event that was erased is noted, and an older one tells the log; the oldest events may be deleted")
    func retention() async throws {
        try await TestStore.with { store in
            let log = try await read(20, store)
            let found = try await store.inspect()
            try await store.connection.executeScript(store.insert)
            try await LogIdentityStore.store(21, of: found, log: log.id, on: store.connection)
            try await store.connection.executeScript("DELETE FROM \(store.events) WHERE global_position = 21")
            let erased = try await LogIdentityStore.verify(store.connection, found)
            #expect(erased?.notes.count == 1 && erased?.notes.first?.contains("21") == true)

            try await store.connection.executeScript("DELETE FROM \(store.events)")
            let emptied = try await LogIdentityStore.verify(store.connection, found)
            #expect(emptied?.mark == 21 && emptied?.notes.first?.contains("shortened") == true)
            try await store.connection.executeScript(store.insert)
            #expect(try await LogIdentityStore.verify(store.connection, found)?.mark == 21, "it grows on")

            // Positions that were read hold others now: not a log that lost its beginning.
            try await store.connection.executeScript("UPDATE \(store.events) SET global_position = 18")
            #expect(try await refusal(store)?.code == .otherLog)
        }
    }

    @Test("What is known from before there were anchors is judged by its place, a failover aside")
    func withoutAnchors() async throws {
        try await TestStore.with { store in
            _ = try await read(20, store)
            let found = try await store.inspect()
            try await store.connection.executeScript("DELETE FROM refold.anchors; UPDATE refold.logs SET timeline = 77")
            #expect(try await LogIdentityStore.verify(store.connection, found)?.notes.count == 1)
            for change in ["system_identifier = 5", "system_identifier = NULL, database_oid = 1"] {
                try await store.connection.executeScript("UPDATE refold.logs SET \(change)")
                #expect(try await refusal(store)?.code == .otherLog, "\(change)")
            }
        }
    }

    @Test("Anchors stand at doubling distances behind the newest")
    func anchors() async throws {
        try await TestStore.with { store in
            try await store.connection.executeScript("\(store.insert) FROM generate_series(1, 400)")
            let found = try await store.inspect()
            let log = try await LogIdentityStore.begin(store.connection, found)
            for mark in 1...400 {
                try await LogIdentityStore.store(
                    GlobalPosition(Int64(mark)),
                    of: found,
                    log: log.id,
                    on: store.connection
                )
            }
            let rows = try await store.connection.query("SELECT position FROM refold.anchors ORDER BY 1 DESC").rows
            let distances = try rows.map { 400 - (try $0.int64(0)) }
            #expect(distances.first == 0 && distances.last == 399 && distances.count <= 12, "\(distances)")
            for (near, far) in zip(distances.dropFirst(), distances.dropFirst(2)) { #expect(far <= 4 * near) }
        }
    }

    @Test("A generation is checked against the log it was folded from, by its checkpoint and its own anchor")
    func generations() async throws {
        try await TestStore.with { store in
            let log = try await read(20, store)
            let found = try await store.inspect()
            let row = try await store.connection.query(
                "SELECT a.position, a.event FROM (VALUES (12)) c (p), LATERAL (\(found.lastAnchorSQL(atOrBelow: "c.p"))) a"
            )
            let anchor = LogAnchor(position: GlobalPosition(try row.int64(0, 0)), event: try row.text(0, 1))
            #expect(anchor.position == 12)
            func check(_ log: LogID, _ checkpoint: GlobalPosition, _ anchor: LogAnchor?) async throws -> [String] {
                try await LogIdentityStore.check(
                    store.connection,
                    found,
                    log: log,
                    checkpoint: checkpoint,
                    anchor: anchor
                )
            }
            func refusal(_ log: LogID, _ checkpoint: GlobalPosition, _ anchor: LogAnchor?) async -> EventStoreError
                .Code?
            {
                await #expect(throws: EventStoreError.self) { try await check(log, checkpoint, anchor) }?.code
            }
            #expect(try await check(log.id, 12, anchor).isEmpty)
            #expect(try await check(log.id, 0, nil).isEmpty)
            #expect(try await check(log.id, 20, nil).isEmpty)
            #expect(await refusal(log.id, 21, nil) == .logShrank)
            #expect(await refusal(log.id, 12, LogAnchor(position: 12, event: "another")) == .otherLog)
            #expect(await refusal(LogID(rawValue: log.id.rawValue + 1), 12, anchor) == .otherLog)

            try await store.connection.executeScript("DELETE FROM \(store.events) WHERE global_position = 12")
            // No anchor of the log's own stands at or below the checkpoint, and older events do.
            try await store.connection.executeScript("DELETE FROM refold.anchors WHERE position <= 12")
            #expect(await refusal(log.id, 12, anchor) == .otherLog)
            try await LogIdentityStore.store(5, of: found, log: log.id, on: store.connection)
            #expect(try await check(log.id, 12, anchor).count == 1)
            try await store.connection.executeScript("DELETE FROM \(store.events) WHERE global_position < 15")
            #expect(try await check(log.id, 12, anchor).first?.contains("shortened") == true)
            #expect(try await found.firstEvent(on: store.connection) == 15)

            let begun = try await LogIdentityStore.begin(store.connection, found, replacing: log.id)
            #expect(begun.id > log.id)
            #expect(await refusal(log.id, 20, nil) == .otherLog)
        }
    }
}
