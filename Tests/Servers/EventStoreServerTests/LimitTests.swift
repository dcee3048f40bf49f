import EventStore
import Glibc
import Postgres
import Refold
import TestSupport
import Testing

@Suite("Limits of ids, types and events")
struct LimitTests {
    /// Text that does not compress, so that PostgreSQL cannot make it fit where it is too long.
    private func noise(_ bytes: Int) -> String {
        var random = SeededGenerator(seed: 7)
        let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_".utf8)
        return String(decoding: (0..<bytes).map { _ in letters.randomElement(using: &random) ?? 0 }, as: UTF8.self)
    }

    private func refusal(_ store: TestStore, _ stream: String, _ events: NewEvent...) async -> EventStoreError? {
        let error = await #expect(throws: EventStoreError.self) {
            try await EventStreams(store.connection).append(to: stream, events: events)
        }
        #expect(error?.code == .invalidEvent, "\(String(describing: error))")
        return error
    }

    private func imported(_ text: String, _ store: TestStore) async throws -> EventImport.Summary {
        var path = Array("/tmp/refold-test-XXXXXX".utf8CString)
        let output = mkstemp(&path)
        let input = open(path, O_RDONLY)
        unlink(path)
        defer { close(input) }
        try #require(write(output, Array(text.utf8), text.utf8.count) == text.utf8.count)
        close(output)
        return try await EventImport(store.connection, store.settings).run(from: input)
    }

    @Test("Ids and types are stored up to their limit and refused beyond it, by name, limit and remedy")
    func names() async throws {
        try await TestStore.with { store in
            let streams = EventStreams(store.connection)
            let longest = noise(EventLimits.name)
            _ = try await streams.append(to: longest, events: [NewEvent(type: longest, payload: "1")])
            let line = "{\"stream\":\"\(longest)\",\"type\":\"\(longest)\",\"data\":2}\n"
            #expect(try await imported(line, store).events == 1)
            #expect(try await streams.readStream(longest).collect().map(\.type) == [longest, longest])

            let long = "\n" + noise(5_999)
            let beginning = "\\n" + noise(99) + "… (6000 bytes)"
            for (stream, type, what) in [(long, "t", "a stream's id"), ("a", long, "an event's type")] {
                let error = await refusal(store, stream, NewEvent(type: type, payload: "1"))
                #expect(error?.message == "\(what) has at most 2048 bytes, not 6000: \(beginning)")
                #expect(error?.remedy != nil)
                let line = "{\"stream\":\(JSON.text(stream).text),\"type\":\(JSON.text(type).text),\"data\":1}\n"
                let bad = await #expect(throws: EventStoreError.self) { _ = try await imported(line, store) }
                #expect(bad?.code == .invalidLines)
                #expect(bad?.badLines.first?.reason == error?.message)
            }
            #expect(try await store.connection.query("SELECT FROM events").count == 2)
        }
    }

    @Test("What has a NUL is refused by name")
    func zero() async throws {
        try await TestStore.with { store in
            let error = await refusal(store, "a\0b", NewEvent(type: "t", payload: "1"))
            #expect(error?.message.contains("NUL") == true && error?.message.contains("a\\u0000b") == true)
            let type = await refusal(store, "a", NewEvent(type: "t\0", payload: "1"))
            #expect(type?.message.contains("t\\u0000") == true)
            let line = #"{"stream":"a\u0000b","type":"t","data":1}"#
            let bad = await #expect(throws: EventStoreError.self) { _ = try await imported(line, store) }
            #expect(bad?.badLines.first?.reason == error?.message)
            let stored = try await store.connection.query("SELECT FROM events")
            #expect(stored.isEmpty)
        }
    }

    @Test(
        "What exceeds a limit of the server's own is refused as data, with the stream",
        arguments: ["append", "import"]
    )
    func serversOwn(how: String) async throws {
        try await TestStore.with { store in
            // JSON deeper than the server's stack, 54001, and an index of the adopted store's own, 54000.
            let deep = String(repeating: "[", count: 200_000) + String(repeating: "]", count: 200_000)
            try await store.connection.executeScript("CREATE INDEX ON events (event_type, stream_id)")
            let (stream, type) = (noise(2_000), String(noise(2_000).reversed()))
            if how == "append" {
                let tooDeep = await refusal(store, "deep", NewEvent(type: "t", payload: deep))
                #expect(tooDeep?.message.contains("stream deep") == true)
                #expect(tooDeep?.message.contains("54001") == true)
                let tooLong = await refusal(store, stream, NewEvent(type: type, payload: "1"))
                #expect(tooLong?.message.contains("54000") == true)
                #expect(tooLong?.message.contains("stream \(stream.prefix(100))… (2000 bytes)") == true)
            } else {
                let line = "{\"stream\":\"\(stream)\",\"type\":\"\(type)\",\"data\":1}\n"
                let bad = await #expect(throws: EventStoreError.self) { _ = try await imported(line, store) }
                #expect(bad?.code == .invalidLines)
                #expect(bad?.badLines.first?.number == 1)
                #expect(bad?.badLines.first?.reason.contains("54000") == true, "\(String(describing: bad))")
            }
            let stored = try await store.connection.query("SELECT FROM events")
            #expect(stored.isEmpty)
        }
    }

    @Test("The size of one append is judged as it is sent")
    func sizes() {
        let hundred = String(repeating: "\"", count: 100)
        #expect(EventLimits.refusal(of: [hundred, "{}"], limit: 102) == nil)
        #expect(EventLimits.refusal(of: [hundred, "{}"], limit: 101)?.contains("102 bytes, more than the 101") == true)
        #expect(EventLimits.refusal(of: [hundred, "{}"], limit: 99)?.contains("a payload or its metadata") == true)
        // Quotes are sent as two bytes once there are several events.
        #expect(EventLimits.refusal(of: [hundred, hundred, "{}", "{}"], limit: 300) != nil)
        #expect(EventLimits.refusal(of: [hundred, hundred, "{}", "{}"], limit: 416) == nil)
        #expect(EventLimits.refusal(of: ["{}", "{}"]) == nil)
    }
}
