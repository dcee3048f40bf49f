import EventStore
import Glibc
import Postgres
import Refold
import TestSupport
import Testing

/// Ids that Swift's `String` takes for others, or that displays and patterns take for something else.
@Suite("Ids are their bytes")
struct IDBytesTests {
    /// The same letter as one scalar and as two.
    private static let composed = "caf\u{E9}"
    private static let decomposed = "cafe\u{301}"
    /// Begins with a combining mark; holds controls, line breaks and marks of direction; a lone one of each.
    private static let odd = [
        "\u{301}", "\u{301}a", "a\n\r\tb", "\u{1B}[2J", "\u{85}\u{2028}\u{2029}", "\u{202E}txt", "\u{FEFF}", " ",
        "\u{212B}", "\u{C5}", "A\u{30A}", composed, decomposed,
    ]

    private func event(_ n: Int) -> NewEvent { NewEvent(type: "t", payload: "\(n)") }

    private func load(_ text: String, into store: TestStore) async throws -> EventImport.Summary {
        var path = Array("/tmp/refold-test-XXXXXX".utf8CString)
        let output = mkstemp(&path)
        let input = open(path, O_RDONLY)
        unlink(path)
        defer { close(input) }
        try #require(write(output, Array(text.utf8), text.utf8.count) == text.utf8.count)
        close(output)
        return try await EventImport(store.connection, store.settings).run(from: input)
    }

    private func line(_ stream: String, _ data: Int, _ more: String = "") -> String {
        "{\"stream\":\(JSON.text(stream).text),\"type\":\"t\",\"data\":\(data)\(more)}\n"
    }

    /// Each stream with its versions and payloads, told apart by the server.
    private func stored(_ store: TestStore) async throws -> [Text: [String]] {
        let rows = try await store.connection.query(
            """
            SELECT e.stream_id, array_agg(stream_version || ':' || event_data ORDER BY stream_version)::text,
                   max(stream_version) = max(version)
            FROM events e JOIN streams s USING (stream_id) GROUP BY 1
            """
        )
        var streams: [Text: [String]] = [:]
        for row in rows.rows {
            #expect(try row.bool(2), "the streams table counts as the events do")
            let versions = try row.text(1).dropFirst().dropLast().split(separator: ",").map { String($0) }
            streams[Text(try row.text(0))] = versions
        }
        return streams
    }

    @Test("An import keeps streams apart whose ids only look the same")
    func imported() async throws {
        try await TestStore.with { store in
            let (one, two) = (Self.composed, Self.decomposed)
            let text =
                line(one, 1) + line(two, 2) + line(one, 3, ",\"version\":2") + line(two, 4)
                + line(two, 5, ",\"version\":3")
            #expect(try await load(text, into: store).events == 5)
            #expect(try await stored(store) == [Text(one): ["1:1", "2:3"], Text(two): ["1:2", "2:4", "3:5"]])
            // Both are there already, one of them without its row; new events follow the right ones.
            try await store.connection.execute("DELETE FROM streams WHERE stream_id = $1", [.text(two)])
            #expect(try await load(line(two, 6) + line(one, 7), into: store).events == 2)
            let after = try await stored(store)
            #expect(after[Text(one)]?.last == "3:7")
            #expect(after[Text(two)]?.last == "4:6")
        }
    }

    @Test("An imported event whose id is taken in a stream that only looks the same is refused")
    func importedElsewhere() async throws {
        try await TestStore.with { store in
            let id = ",\"id\":\"018f3c1e-9a00-7b1c-8000-5f2d3c4b5a69\""
            let first = try await load(line(Self.composed, 1, id), into: store)
            #expect(first.events == 1)
            let error = await #expect(throws: EventStoreError.self) {
                _ = try await load(line(Self.decomposed, 1, id), into: store)
            }
            #expect(error?.badLines.first?.reason.contains("its id is taken") == true, "\(String(describing: error))")
            #expect(try await stored(store).count == 1)
        }
    }

    @Test("An append is no repetition of one to a stream that only looks the same")
    func appended() async throws {
        try await TestStore.with { store in
            let streams = EventStreams(store.connection)
            let events = [event(1), event(2)]
            _ = try await streams.append(to: Self.composed, expecting: .noStream, events: events)
            let error = await #expect(throws: EventStoreError.self) {
                try await streams.append(to: Self.decomposed, expecting: .noStream, events: events)
            }
            #expect(error?.code == .duplicateEventID)
            let other = try await streams.append(to: Self.decomposed, expecting: .noStream, events: [event(3)])
            #expect(other.version == 1)
            let again = try await streams.append(to: Self.composed, expecting: .noStream, events: events)
            #expect(again.wasRepeated)
        }
    }

    @Test("Whatever an id holds, it is appended to, read, listed, exported and imported as it is")
    func roundTrip() async throws {
        try await TestStore.with { store in
            let streams = EventStreams(store.connection)
            for (n, stream) in Self.odd.enumerated() {
                #expect(try await streams.append(to: stream, expecting: .noStream, events: [event(n)]).version == 1)
            }
            for (n, stream) in Self.odd.enumerated() {
                let read = try await streams.readStream(stream).collect()
                #expect(read.map(\.payload) == ["\(n)"])
                #expect(read.map { Text($0.stream) } == [Text(stream)])
            }
            let listed = try await streams.streams().map { Text($0.id) }
            #expect(listed == Self.odd.map { Text($0) }.sorted())
            let marked = try await streams.streams(prefix: "\u{301}").map { Text($0.id) }
            #expect(marked == ["\u{301}", "\u{301}a"])
            var bytes: [UInt8] = []
            for try await event in streams.readAll() { event.appendLine(to: &bytes) }
            let exported = String(decoding: bytes, as: UTF8.self)
            let before = try await stored(store)
            try await TestStore.with { other in
                let summary = try await load(exported, into: other)
                #expect(summary.events == Self.odd.count)
                #expect(try await stored(other) == before)
            }
        }
    }
}
