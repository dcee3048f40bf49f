import EventStore
import Postgres
import Refold
import TestSupport
import Testing

@Suite("Positions at the end of the numbers")
struct EndOfNumbersTests {
    @Test("A log with a hole of 9·10¹⁸ positions is read, followed and swept to the last one", .timeLimit(.minutes(5)))
    func last() async throws {
        try await TestStore.with { store in
            let insert = "\(store.insert) FROM generate_series(1, 2)"
            try await store.connection.executeScript(
                "\(insert); SELECT setval('\(store.sequence)', 9223372036854775805); \(insert)"
            )
            let (found, all) = (try await store.inspect(), [1, 2, .max - 1, .max] as [Int64])
            let mark = try await store.probe().sample().mark
            #expect(mark.rawValue == .max)
            let log = try await LogIdentityStore.open(store.connection, found)
            let atOnce = RecheckSchedule(delays: [.zero, .seconds(Int64.max)])
            let sweep = GapRecheck(try await store.connect(), found, log: log.id, schedule: atOnce)
            try await store.reader().read(after: 0, through: mark) { try await sweep.passed($0.holes) }
            try await sweep.passed(behind: mark, positions: .max)
            #expect(try await sweep.step().isEmpty)
            try await LogIdentityStore.store(mark, of: found, log: log.id, on: store.connection)
            #expect(try await LogIdentityStore.verify(store.connection, found)?.mark == mark)
            var positions: [Int64] = []
            for try await event in EventStreams(store.connection).readAll() {
                positions.append(event.position.rawValue)
            }
            #expect(positions == all)
            let subscriptions = EventSubscriptions { try await store.connect() }
            for first in [.min, 3, .max] as [Int64] {
                var positions: [Int64] = []
                for try await event in subscriptions.subscribe(from: GlobalPosition(first)) {
                    positions.append(event.position.rawValue)
                    if event.position.rawValue == .max { break }
                }
                #expect(positions == all.filter { $0 >= first })
            }
        }
    }

    @Test(
        "A hole that is filled to the brim is swept in bounded time, and more late events than a thousand are a thousand"
    )
    func filled() async throws {
        try await TestStore.with { store in
            try await store.connection.executeScript(
                "\(store.insert); SELECT setval('\(store.sequence)', 1000000000); \(store.insert)"
            )
            let found = try await store.inspect()
            let log = try await LogIdentityStore.open(store.connection, found)
            let schedule = RecheckSchedule(delays: [.zero, .zero])
            let sweep = GapRecheck(try await store.connect(), found, log: log.id, schedule: schedule)
            try await store.reader().read(after: 0, through: 1_000_000_001) { try await sweep.passed($0.holes) }
            try await store.connection.executeScript(
                "SELECT setval('\(store.sequence)', 10); \(store.insert) FROM generate_series(1, 3000)"
            )
            #expect(try await sweep.step().map(\.position.rawValue) == Array(11...1_010))
        }
    }
}
