import EventStore
import Glibc
import Postgres
import Refold
import TestSupport
import Testing

@Suite("Importing and exporting events")
struct TransferTests {
    /// Imports a text through a file that is gone afterwards, or through a pipe.
    @discardableResult
    private func load(
        _ text: String,
        into store: TestStore,
        on connection: PostgresConnection? = nil,
        linesPerBatch: Int = 3,
        throughPipe: Bool = false,
        again: Bool = false
    ) async throws -> EventImport.Summary {
        var ends: [Int32] = [-1, -1]
        if throughPipe {
            try #require(pipe(&ends) == 0)
        } else {
            var path = Array("/tmp/refold-test-XXXXXX".utf8CString)
            ends[1] = mkstemp(&path)
            ends[0] = open(path, O_RDONLY)
            unlink(path)
        }
        let bytes = Array(text.utf8)
        try #require(bytes.count < 60_000 || !throughPipe)
        try #require(write(ends[1], bytes, bytes.count) == bytes.count)
        close(ends[1])
        defer { close(ends[0]) }
        let events = EventImport(connection ?? store.connection, store.settings, linesPerBatch: linesPerBatch)
        return try await events.run(from: ends[0], again: again)
    }

    private func badLines(_ text: String, _ store: TestStore, linesPerBatch: Int = 3) async -> [BadLine] {
        let error = await #expect(throws: EventStoreError.self) {
            try await load(text, into: store, linesPerBatch: linesPerBatch)
        }
        #expect(error?.code == .invalidLines, "\(error?.description ?? "")")
        return error?.badLines ?? []
    }

    private func export(_ store: TestStore) async throws -> String {
        var bytes: [UInt8] = []
        for try await event in EventStreams(store.connection, store.settings).readAll() { event.appendLine(to: &bytes) }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func lines(_ numbers: ClosedRange<Int>, stream: String = "a") -> String {
        numbers.map { #"{"stream": "\#(stream)", "type": "counted", "data": \#($0)}"# + "\n" }.joined()
    }

    private func payloads(_ store: TestStore) async throws -> [Int] {
        let rows = try await store.connection.query("SELECT event_data::text FROM events ORDER BY global_position")
        return try rows.rows.map { Int(try $0.text(0)) ?? -1 }
    }

    @Test("What was exported and imported is exported the same", arguments: ["json", "jsonb"])
    func roundTrip(format: String) async throws {
        try await TestStore.with { store in
            let change = "ALTER TABLE events ALTER event_data TYPE \(format), ALTER metadata TYPE \(format)"
            try await store.connection.executeScript(change)
            let streams = EventStreams(store.connection)
            for n in 1...20 {
                let event = NewEvent(
                    type: n.isMultiple(of: 3) ? "é\"\\\n" : "counted",
                    typeVersion: n,
                    payload: "{\"n\":\n  [\(n).50, \"\\\"\\\\n\\u00e9 🦊\", null],\r\n \"deep\": {}}",
                    userID: "ü",
                    timestamp: Timestamp(microseconds: Int64(n) * 1_234_567_890_123 - 5)
                )
                _ = try await streams.append(to: "s\"\(n % 4)\\ é", events: [event])
            }
            try await store.connection.executeScript(
                """
                UPDATE events SET metadata = NULL WHERE global_position = 2;
                UPDATE events SET "timestamp" = 'infinity' WHERE global_position = 3;
                UPDATE events SET event_data = 'null' WHERE global_position = 4
                """
            )
            let exported = try await export(store)
            #expect(exported.split(separator: "\n", omittingEmptySubsequences: false).count == 21)
            try await TestStore.with { other in
                try await other.connection.executeScript(change)
                let summary = try await load(exported, into: other)
                #expect(summary.events == 20 && summary.lines == 20 && summary.skipped == 0)
                #expect(try await export(other) == exported)
                let appended = try await EventStreams(other.connection).append(
                    to: "s\"1\\ é",
                    expecting: .exactly(5),
                    events: [NewEvent(type: "counted", payload: "1")]
                )
                #expect(appended.version == 6)
            }
        }
    }

    @Test("A payload may be nested as deep as one that is appended")
    func deep() async throws {
        try await TestStore.with { store in
            let payload = String(repeating: "[", count: 512) + String(repeating: "]", count: 512)
            let event = NewEvent(type: "counted", payload: payload, metadata: ["a": try JSON(parsing: "[[]]")])
            _ = try await EventStreams(store.connection).append(to: "a", events: [event])
            let exported = try await export(store)
            try await TestStore.with { other in
                let summary = try await load(exported, into: other)
                let again = try await export(other)
                #expect(summary.events == 1 && again == exported)
            }
        }
    }

    @Test("A line says as little as stream, type and data, or all there is to say, in any order")
    func members() async throws {
        try await TestStore.with { store in
            let text = [
                #"{"data":1,"type":"t","stream":"a"}"#,
                #"  {"type_version": 3, "data": "x", "type": "t", "stream": "a", "version": 2, "position": 77, "id": null} "#
                    + "\r",
                "",
                #"{"stream":"a","type":"t","data":{},"type_version":2,"metadata":{}, "version": 3.0}"#,
                #"{"stream":"a","type":"t","data":{},"type_version":2,"metadata":{"type_version": 2.0, "user_id": "u"}}"#,
                #"{"stream":"a","type":"\u0074","data":{},"type_version":2,"metadata":{"user_id": "u"},"#
                    + #""timestamp":"2024-03-01 12:30:00.25+02:00"}"#,
            ].joined(separator: "\n")
            #expect(try await load(text, into: store).events == 5)
            let events = try await EventStreams(store.connection).readStream("a").collect()
            #expect(events.map(\.type) == Array(repeating: "t", count: 5))
            #expect(events.map(\.typeVersion) == [1, 3, 2, 2, 2])
            #expect(events.map(\.userID) == [nil, nil, nil, "u", "u"])
            #expect(events[0].metadata == nil)
            #expect(events[4].timestamp.description == "2024-03-01T10:30:00.250000Z")
            #expect(Set(events.map(\.id)).count == 5)
        }
    }

    @Test("Bad lines are reported by number and reason, and nothing of their batch is stored")
    func badLines() async throws {
        try await TestStore.with { store in
            try await load(lines(1...2, stream: "other"), into: store)
            let good = #""stream": "a", "type": "t", "data": 1"#
            let id = "018f3c1e-9a00-7b1c-8000-5f2d3c4b5a69"
            let cases: [(String, String)] = [
                ("[]", "it is not JSON at byte 0: expected an object"),
                ("{\(good)", "it is not JSON at byte 38: expected a comma or the object's end"),
                ("{\(good)}}", "it is not JSON at byte 39: expected nothing more"),
                (#"{"stream": "a", "type": "t", "data": {"a": [1, 02]}}"#, "at byte 47: expected a value"),
                (#"{"stream": "a", "type": "t", "data": tru}"#, "expected a value"),
                (#"{"stream": "a", "type": "t", "data": "\x"}"#, "expected an escape"),
                ("{\"stream\": \"a\", \"type\": \"t\", \"data\": \"\t\"}", "expected no control character"),
                (#"{"stream": "a", "type": "t", "data": "\u12g4"}"#, "at byte 42: expected four hexadecimal digits"),
                ("{\"stream\": \"a\", \"type\": \"t\", \"data\": \"\\x\t\"}", "at byte 39: expected an escape"),
                (#"{"stream": "a", "type": "t", "data": "x}"#, "at byte 40: expected the string's end"),
                (#"{"stream": "a", "type": "t", "data": [1 2]}"#, "at byte 40: expected a comma or the array's end"),
                (#"{"stream": "a", "type": "t", "data": {"a" 1}}"#, "at byte 42: expected a colon"),
                (#"{"stream": "a", "type": "t", "data": {1:2}}"#, "at byte 38: expected a member's name"),
                (#"{"stream": "a", "type": "t", "data": -1.e5}"#, "at byte 40: expected a digit"),
                (
                    #"{"stream": "a", "type": "t", "data": "# + String(repeating: "[", count: 513),
                    "at byte 550: expected no more than 513 levels"
                ),
                (#"{"type": "t", "data": 1}"#, "\"stream\" is missing"),
                (#"{"stream": "a", "data": 1}"#, "\"type\" is missing"),
                (#"{"stream": "a", "type": "t"}"#, "\"data\" is missing"),
                ("{\(good), \"payload\": 1}", "an event has no member \"payload\""),
                (
                    "{\(good), \"\(String(repeating: "k", count: 9_000))\": 1}",
                    "an event has no member \"\(String(repeating: "k", count: 100))… (9000 bytes)\""
                ),
                ("{\(good), \"data\": 2}", "\"data\" stands there twice"),
                (#"{"stream": "", "type": "t", "data": 1}"#, "\"stream\" is not a text that is not empty"),
                (#"{"stream": "\u0000", "type": "t", "data": 1}"#, "a stream's id has no NUL character"),
                (#"{"stream": 1, "type": "t", "data": 1}"#, "\"stream\" is not"),
                (#"{"stream": "a", "type": null, "data": 1}"#, "\"type\" is not"),
                ("{\(good), \"id\": \"x\"}", "\"id\" is not a UUID"),
                ("{\(good), \"version\": 0}", "\"version\" is not a whole number from 1 to 2147483647"),
                ("{\(good), \"version\": 2147483648}", "\"version\" is not a whole number from 1 to 2147483647"),
                ("{\(good), \"version\": 1.5}", "\"version\" is not"),
                ("{\(good), \"version\": 7}", "version 7 of stream a cannot follow version 4"),
                ("{\(good), \"type_version\": \"1\"}", "\"type_version\" is not"),
                ("{\(good), \"timestamp\": \"yesterday\"}", "\"timestamp\" is not a time"),
                ("{\(good), \"metadata\": []}", "\"metadata\" is not an object"),
                (
                    "{\(good), \"type_version\": 2, \"metadata\": {\"type_version\": 3}}",
                    "the one in the metadata differ"
                ),
                ("{\(good), \"id\": \"\(id)\"}\n{\(good), \"id\": \"\(id)\"}", "its id or version is taken"),
            ]
            for (line, reason) in cases {
                let text = lines(1...4) + "\n" + line + "\n" + lines(5...6)
                let bad = await badLines(text, store, linesPerBatch: 100)
                #expect(bad.count == 1)
                #expect(bad.first.map { (6...7).contains($0.number) } == true, "\(bad)")
                #expect(bad.first?.reason.contains(reason) == true, "\(bad) for \(line)")
                #expect(try await payloads(store) == [1, 2], "\(line)")
                #expect(try await store.connection.query("SELECT FROM streams").count == 1)
            }
            let several = await badLines("{}\n" + lines(1...1) + "[\n\n1", store, linesPerBatch: 100)
            #expect(several.map(\.number) == [1, 3, 5])
        }
    }

    @Test("What only PostgreSQL refuses is reported by its line too")
    func refusedByServer() async throws {
        try await TestStore.with { store in
            try await store.connection.executeScript("ALTER TABLE events ALTER event_data TYPE jsonb")
            let bad = await badLines(
                lines(1...2) + "\n" + #"{"stream": "a", "type": "t", "data": "\u0000"}"# + "\n" + lines(3...3),
                store,
                linesPerBatch: 100
            )
            #expect(bad.map(\.number) == [4])
            #expect(bad.first?.reason.contains("22P05") == true)
            #expect(try await payloads(store).isEmpty)
        }
    }

    @Test("After a bad line was corrected the import goes on where it stopped, each line once")
    func goesOn() async throws {
        try await TestStore.with { store in
            let bad = await badLines(lines(1...10) + "no\n" + lines(12...20), store, linesPerBatch: 4)
            #expect(bad.map(\.number) == [11])
            #expect(try await payloads(store) == Array(1...8))
            let summary = try await load(lines(1...20), into: store, linesPerBatch: 7)
            #expect(summary == EventImport.Summary(linesBefore: 8, lines: 12, events: 12))
            #expect(try await payloads(store) == Array(1...20))
            // The same once more, the same that has grown, without a newline at its end, and through a pipe.
            #expect(try await load(lines(1...20), into: store).linesBefore == 20)
            let grown = try await load(lines(1...21) + #"{"stream": "a", "type": "t", "data": 22}"#, into: store)
            #expect(grown.events == 2)
            let piped = try await load(
                lines(1...21) + #"{"stream": "a", "type": "t", "data": 22}"# + "\n" + lines(23...23),
                into: store,
                throughPipe: true
            )
            #expect(piped.events == 1 && piped.linesBefore == 22)
            #expect(try await payloads(store) == Array(1...23))
            #expect(try await load(lines(1...2), into: store, again: true).events == 2)
            #expect(try await load("", into: store).lines == 0)
        }
    }

    @Test("An input that only begins like a known one is another one")
    func otherInput() async throws {
        try await TestStore.with { store in
            try await load(lines(1...10), into: store)
            let other = lines(1...9) + lines(11...12)
            let error = await #expect(throws: EventStoreError.self) {
                try await load(other, into: store, throughPipe: true)
            }
            #expect(error?.code == .otherInput)
            #expect(try await payloads(store) == Array(1...10))
            #expect(try await load(other, into: store).events == 11)
            #expect(try await load(lines(1...3), into: store).events == 3)
        }
    }

    @Test("Events that are in the store, in the same place, are skipped; in another place they are an error")
    func skips() async throws {
        try await TestStore.with { store in
            let streams = EventStreams(store.connection)
            for n in 1...9 {
                _ = try await streams.append(to: "s\(n % 2)", events: [NewEvent(type: "t", payload: "\(n)")])
            }
            let text = try await export(store)
            try await store.connection.executeScript("DELETE FROM events WHERE global_position > 5; TRUNCATE streams")
            let summary = try await load(text, into: store, linesPerBatch: 4)
            #expect(summary == EventImport.Summary(lines: 9, events: 4, skipped: 5))
            #expect(try await payloads(store) == Array(1...9))
            #expect(try await load(text, into: store, again: true).skipped == 9)
            #expect(try await streams.append(to: "s1", events: [NewEvent(type: "t", payload: "0")]).version == 6)
            for (before, after) in [
                ("\"stream\":\"s0\",\"version\":2", "\"stream\":\"s0\",\"version\":3"), ("\"s0\"", "\"s2\""),
            ] {
                let moved = await badLines(text.replacing(before, with: after), store, linesPerBatch: 100)
                #expect(moved.first?.reason.contains("its id is taken by version") == true, "\(moved)")
            }
            #expect(try await payloads(store).count == 10)
        }
    }

    @Test("Positions follow the order of the lines, and versions have no holes, while others write the same streams")
    func besideOthers() async throws {
        try await TestStore.with { store in
            let text = (1...2_000).map { #"{"stream":"s\#($0 % 7)","type":"imported","data":\#($0)}"# + "\n" }.joined()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<3 {
                    let connection = try await store.connect()
                    group.addTask {
                        for n in 0..<150 {
                            let event = NewEvent(type: "appended", payload: "0")
                            _ = try await EventStreams(connection).append(to: "s\((n + writer) % 7)", events: [event])
                        }
                    }
                }
                let importing = try await store.connect()
                group.addTask { try await load(text, into: store, on: importing, linesPerBatch: 90) }
                try await group.waitForAll()
            }
            let imported = try await store.connection.query(
                "SELECT event_data::text::bigint FROM events WHERE event_type = 'imported' ORDER BY global_position"
            )
            #expect(try imported.rows.map { try $0.int64(0) } == Array(1...2_000))
            let wrong = try await store.connection.query(
                """
                SELECT stream_id FROM events GROUP BY stream_id
                HAVING max(stream_version) <> count(*) OR max(stream_version) <> (
                    SELECT version FROM streams WHERE streams.stream_id = events.stream_id)
                """
            )
            #expect(wrong.isEmpty)
            #expect(try await store.connection.query("SELECT FROM events").count == 2_450)
        }
    }

    @Test("Of two imports of one input at the same time each line is stored once")
    func twice() async throws {
        try await TestStore.with { store in
            let text = lines(1...600)
            let connections = try await [store.connect(), store.connect()]
            let codes = await withTaskGroup(of: EventStoreError.Code?.self) { group in
                for connection in connections {
                    group.addTask {
                        do {
                            try await load(text, into: store, on: connection, linesPerBatch: 20)
                            return nil
                        } catch {
                            return (error as? EventStoreError)?.code ?? .database
                        }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(codes.allSatisfy { $0 == nil || $0 == .importUnderWay })
            try await load(text, into: store)
            #expect(try await payloads(store) == Array(1...600))
        }
    }
}
