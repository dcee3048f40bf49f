import AggregateStore
import Aggregates
import EventStore
import Postgres
import Refold
import TestSupport
import Testing

@Suite("Aggregates whose ids only look the same")
struct IDBytesTests {
    @Test("are two, each with its own events, versions and snapshot", arguments: [1, 100])
    func two(interval: Int) async throws {
        try await TallyStore.with { store in
            let tallies = store.tallies(snapshots: .every(interval))
            for (id, number) in [("caf\u{E9}", Int64(1)), ("cafe\u{301}", 20), ("\u{301}", 300), ("a\nb\u{2028}", 400)]
            {
                for version in 1...3 {
                    let saved = try await tallies.execute(id) { try $0.add(number) }
                    #expect(saved.version.rawValue == Int64(version))
                    #expect(saved.aggregate.sum == number * Int64(version))
                    #expect(saved.aggregate.id.utf8.elementsEqual(id.utf8))
                }
            }
            #expect(try await tallies.load("caf\u{E9}").aggregate.sum == 3)
            #expect(try await tallies.load("cafe\u{301}", at: .version(2)).aggregate.sum == 40)
        }
    }

    @Test("are shown by the stream's id, also when theirs begins with a combining mark")
    func shown() async throws {
        try await TallyStore.with { store in
            _ = try await store.tallies().execute("\u{301}e") { try $0.add(7) }
            let state = try await KnownAggregate(Tally.self).state(
                of: "tally-\u{301}e",
                in: EventStreams(store.connection)
            )
            #expect(state?.version == 1)
            #expect(Tally.id(of: "tally-\u{301}").map { Text($0) } == "\u{301}")
            #expect(Tally.id(of: "tally-").map { Text($0) } == "")
            #expect(Tally.id(of: "tally") == nil)
            #expect(Tally.id(of: "tallys-1") == nil)
        }
    }

    @Test("and one with a NUL, or one that is too long, is refused by name")
    func refused() async throws {
        try await TallyStore.with { store in
            let zero = await #expect(throws: EventStoreError.self) {
                try await store.tallies().execute("a\0b") { try $0.add(1) }
            }
            #expect(zero?.message.contains("stream tally-a\\u0000b") == true, "\(String(describing: zero))")
            #expect((zero?.cause as? PostgresError)?.isDataError == true)
            let long = await #expect(throws: EventStoreError.self) {
                try await store.tallies().execute(String(repeating: "x", count: 6_000)) { try $0.add(1) }
            }
            #expect(long?.code == .invalidEvent)
            #expect(long?.message.contains("at most 2048 bytes, not 6006: tally-xxx") == true)
        }
    }
}
