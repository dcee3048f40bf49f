import EventStore
import Postgres
import Refold
import TestSupport
import Testing

@Suite("Reading streams")
struct StreamReadingTests {
    private func fill(_ store: TestStore, _ count: Int, bytes: Int = 1) async throws {
        try await store.connection.executeScript(
            """
            INSERT INTO \(store.events) (event_id, stream_id, stream_version, event_type, event_data)
            SELECT gen_random_uuid(), stream, n, 'counted', to_json(rpad(n::text, \(bytes), md5(n::text)))
            FROM generate_series(1, \(count)) n, unnest(ARRAY['a', 'b']) stream
            """
        )
    }

    @Test("Ranges, limits and directions give the same events in every combination, over many pages")
    func ranges() async throws {
        try await TestStore.with { store in
            try await fill(store, 1_234)
            let streams = EventStreams(store.connection)
            let all = Array(1...1_234 as ClosedRange<Int64>)
            let ranges: [(Int64, Int64?)] = [
                (1, nil), (1, 1_234), (500, 1_000), (501, 501), (7, 6), (1_235, nil), (-5, 3),
            ]
            for (first, last) in ranges {
                let range = all.filter { $0 >= first && $0 <= last ?? .max }
                for limit in [nil, 0, 1, 499, 500, 501, 1_000, 5_000, -1] as [Int?] {
                    let (from, to) = (StreamPosition(first), last.map { StreamPosition($0) })
                    let forwards = try await streams.readStream("a", from: from, to: to, limit: limit).collect()
                    #expect(forwards.map(\.version.rawValue) == Array(range.prefix(max(0, limit ?? .max))))
                    let backwards = try await streams.readStream("a", from: from, to: to, limit: limit, backwards: true)
                        .collect()
                    #expect(backwards.map(\.version.rawValue) == Array(range.reversed().prefix(max(0, limit ?? .max))))
                }
            }
            #expect(try await streams.readStream("no such stream").collect().isEmpty)
        }
    }

    @Test("Large payloads are read a few at a time, and one larger than a page alone")
    func largePayloads() async throws {
        try await TestStore.with { store in
            // Half a megabyte each, and not to be compressed.
            try await store.connection.executeScript("ALTER TABLE events ALTER event_data SET STORAGE EXTERNAL")
            try await fill(store, 40, bytes: 500_000)
            try await store.connection.executeScript(
                "UPDATE events SET event_data = to_json(rpad('', 9000000, 'x')) WHERE stream_version = 20"
            )
            var versions: [Int64] = []
            for try await event in EventStreams(store.connection).readStream("a") {
                #expect(event.payload.utf8.count == (event.version == 20 ? 9_000_002 : 500_002))
                versions.append(event.version.rawValue)
            }
            #expect(versions == Array(1...40))
            // 28.5 MB of payloads, in pages of 4 MiB and one event at the most.
            let pages = try await store.connection.query(
                """
                SELECT generic_plans + custom_plans FROM pg_prepared_statements
                WHERE statement LIKE 'SELECT event_id%' AND statement LIKE '%' || 'ROWS UNBOUNDED PRECEDING' || '%'
                """
            )
            #expect(try (5...12).contains(pages.int64(0, 0)))
        }
    }

    @Test("Between two pages no transaction is open, and the connection may be used")
    func noTransaction() async throws {
        try await TestStore.with { store in
            try await fill(store, 1_200)
            let streams = EventStreams(store.connection)
            var seen = 0
            for try await event in streams.readStream("a") {
                seen += 1
                guard event.version.rawValue % 100 == 0 else { continue }
                #expect(await store.connection.transactionStatus == .idle)
                _ = try await streams.append(to: "c", events: [NewEvent(type: "counted", payload: "1")])
            }
            #expect(seen == 1_200)
            #expect(try await streams.readStream("c").collect().count == 12)
        }
    }

    @Test("A cancelled read ends with an error, so nobody takes it for complete")
    func cancelled() async throws {
        try await TestStore.with { store in
            try await fill(store, 1_200)
            let streams = EventStreams(store.connection)
            let task = Task {
                var count = 0
                for try await _ in streams.readStream("a") {
                    count += 1
                    if count == 500 { withUnsafeCurrentTask { $0?.cancel() } }
                }
                return count
            }
            await #expect(throws: EventStoreError.self) { try await task.value }
        }
    }
}
