import EventStore
import Postgres
import Refold
import Synchronization
import TestSupport
import Testing

@Suite("Reading and listing all streams")
struct AllStreamsTests {
    private func append(_ store: TestStore, _ count: Int, to stream: String) async throws {
        for start in stride(from: 0, to: count, by: 1_000) {
            let events = (start..<min(count, start + 1_000)).map { NewEvent(type: "counted", payload: "\($0)") }
            _ = try await EventStreams(store.connection).append(to: stream, events: events)
        }
    }

    @Test("All events come in the order of their positions, from any position to any other")
    func ranges() async throws {
        try await TestStore.with { store in
            try await append(store, 700, to: "a")
            try await store.connection.executeScript("SELECT setval('events_global_position_seq', 1000000000)")
            try await append(store, 700, to: "b")
            let streams = EventStreams(store.connection)
            let all = Array(1...700) + Array(1_000_000_001...1_000_000_700) as [Int64]
            let read = try await streams.readAll().collect()
            #expect(read.map(\.position.rawValue) == all)
            #expect(Set(read.map(\.stream)) == ["a", "b"])
            for (after, through, limit) in [
                (0, nil, 501), (500, nil, nil), (600, 1_000_000_100, nil), (700, 1_000_000_000, nil),
                (1_000_000_700, nil, nil), (0, 10_000_000_000, 1_300), (5, 4, nil), (0, nil, 0),
            ] as [(Int64, Int64?, Int?)] {
                let part = try await streams.readAll(
                    after: GlobalPosition(after),
                    through: through.map { GlobalPosition($0) },
                    limit: limit
                ).collect()
                let expected = all.filter { $0 > after && $0 <= through ?? .max }.prefix(limit ?? .max)
                #expect(part.map(\.position.rawValue) == Array(expected))
            }
        }
    }

    @Test("An empty store, and one without refold's own tables, can be read")
    func bare() async throws {
        try await TestStore.with { store in
            let streams = EventStreams(store.connection)
            #expect(try await streams.readAll().collect().isEmpty)
            try await store.connection.executeScript("DROP SCHEMA refold CASCADE")
            try await append(store, 3, to: "a")
            #expect(try await streams.readAll().collect().count == 3)
        }
    }

    @Test("A transaction that may still commit an event is waited for, and named")
    func waits() async throws {
        try await TestStore.with { store in
            try await append(store, 3, to: "a")
            let other = try await store.connect()
            try await other.executeScript("BEGIN; \(store.insert)")
            try await append(store, 2, to: "b")
            let named = Mutex<[BlockingTransaction.Details]>([])
            let reader = try await store.connect()
            let all = EventStreams(reader).readAll { details in named.withLock { $0.append(details) } }
            async let read = all.collect()
            try await wait(for: "the holder to be named") { named.withLock { !$0.isEmpty } }
            try await other.executeScript("COMMIT")
            #expect(try await read.map(\.position) == [1, 2, 3, 4, 5, 6])
            #expect(named.withLock { $0.map(\.processID) } == [other.backendPID])
        }
    }

    @Test("While many write and roll back, a read has every event that was committed before it began")
    func whileOthersWrite() async throws {
        try await TestStore.with { store in
            let writers = try await [store.connect(), store.connect(), store.connect(), store.connect()]
            let insert = store.insert
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (number, writer) in writers.enumerated() {
                    group.addTask {
                        var turn = number
                        while !Task.isCancelled {
                            turn += 1
                            let end = turn.isMultiple(of: 5) ? "ROLLBACK" : "COMMIT"
                            do {
                                try await writer.executeScript(
                                    "BEGIN; \(insert); SELECT pg_sleep(0.002); \(insert); \(end)"
                                )
                            } catch {
                                guard Task.isCancelled else { throw error }
                            }
                        }
                    }
                }
                for _ in 0..<20 {
                    let before = try await store.connection.query("SELECT global_position FROM events ORDER BY 1")
                    let committed = Set(try before.rows.map { try $0.int64(0) })
                    let reader = try await store.connect()
                    let read = try await EventStreams(reader).readAll().collect().map(\.position.rawValue)
                    #expect(committed.subtracting(read).isEmpty)
                    // And none was passed over that came later.
                    let last = read.last ?? 0
                    let after = try await store.connection.query(
                        "SELECT count(*) FROM events WHERE global_position <= $1",
                        [.int64(last)]
                    )
                    #expect(try after.int64(0, 0) == Int64(read.count))
                    await reader.close()
                }
                group.cancelAll()
                try await group.waitForAll()
            }
        }
    }

    @Test("Streams are listed by prefix, in order and in parts")
    func listing() async throws {
        try await TestStore.with { store in
            for stream in ["account-1", "account-2", "user-1", "a%", "Account-1"] {
                try await append(store, 2, to: stream)
            }
            let streams = EventStreams(store.connection)
            let all = try await streams.streams()
            #expect(Set(all.map(\.id)) == ["account-1", "account-2", "user-1", "a%", "Account-1"])
            #expect(all.allSatisfy { $0.version == 2 && abs($0.lastUpdated.seconds(since: .epoch)) > 1e8 })
            #expect(try await streams.streams(prefix: "account-").map(\.id) == ["account-1", "account-2"])
            #expect(try await streams.streams(prefix: "a%").map(\.id) == ["a%"])
            #expect(try await streams.streams(prefix: "account-", limit: 1).map(\.id) == ["account-1"])
            #expect(try await streams.streams(prefix: "account-", after: "account-1").map(\.id) == ["account-2"])
        }
    }
}
