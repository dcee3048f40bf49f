import EventStore
import Postgres
import Refold
import TestSupport
import Testing

@Suite("Reading beside concurrent writers")
struct ConcurrentWritersTests {
    private static let writers = 14
    private static let transactions = 200

    @Test("The mark-bounded reader loses nothing where a reader that remembers the last position does")
    func losesNothing() async throws {
        try await TestStore.with { store in
            try await store.connection.executeScript("CREATE TABLE done (writer integer)")
            let probe = try await store.probe()
            let reader = try await store.reader()
            let naive = try await store.connect()
            var bounded: [Int64] = []
            var remembered: [Int64] = []
            var holds = 0

            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in 0..<Self.writers {
                    let connection = try await store.connect()
                    group.addTask { try await Self.write(store, connection, writer: writer) }
                }
                var isLastRound = false
                while true {
                    let sample = try await probe.sample()
                    if sample.hold != nil { holds += 1 }
                    let after = GlobalPosition(bounded.last ?? 0)
                    try await reader.read(after: after, through: sample.mark) { block in
                        for batch in block.batches { bounded += batch.map(\.position.rawValue) }
                    }
                    let page = try await naive.query(
                        "SELECT global_position FROM \(store.events) WHERE global_position > $1 ORDER BY 1 LIMIT 100",
                        [.int64(remembered.last ?? 0)]
                    )
                    for row in 0..<page.count { remembered.append(try page.int64(row, 0)) }
                    if isLastRound, sample.hold == nil, page.isEmpty { break }
                    isLastRound = try await naive.query("SELECT count(*) FROM done").int64(0, 0) == Self.writers
                }
                try await group.waitForAll()
            }

            let all = try await store.connection.query("SELECT global_position FROM \(store.events) ORDER BY 1")
            let truth = try (0..<all.count).map { try all.int64($0, 0) }
            let lost = truth.count - Set(bounded).intersection(truth).count
            #expect(lost == 0, "of \(truth.count) events")
            let isSame = bounded == truth
            #expect(isSame, "each event comes once, in order")
            let lostByTheOther = truth.count - Set(remembered).intersection(truth).count
            #expect(lostByTheOther > 0, "of \(truth.count) events")
            #expect(holds > 0)
        }
    }

    /// Writes transactions of all kinds, each over several round trips, then says so in table `done`.
    private static func write(_ store: TestStore, _ connection: PostgresConnection, writer: Int) async throws {
        for number in 0..<transactions {
            try await connection.executeScript("BEGIN")
            switch (writer + number) % 6 {
            case 0:
                try await connection.executeScript("SELECT nextval('\(store.sequence)')")
                try await connection.executeScript("SAVEPOINT s; \(store.insert); ROLLBACK TO s")
                try await connection.executeScript(store.insert)
            case 1:
                try await connection.executeScript("\(store.insert) FROM generate_series(1, 5)")
                try await connection.executeScript("SAVEPOINT s; \(store.insert); RELEASE s")
            case 2:
                // Drawn early, inserted late, in one transaction.
                let drawn = try await connection.query("SELECT nextval('\(store.sequence)')").int64(0, 0)
                try await connection.executeScript(store.insert)
                try await connection.execute(
                    """
                    INSERT INTO \(store.events) (global_position, event_id, stream_id, stream_version, event_type, event_data)
                    VALUES ($1, gen_random_uuid(), gen_random_uuid()::text, 1, 'counted', '{"n": 1}')
                    """,
                    [.int64(drawn)]
                )
            default:
                try await connection.executeScript(store.insert)
            }
            try await connection.executeScript((writer + number) % 10 == 3 ? "ROLLBACK" : "COMMIT")
        }
        try await connection.executeScript("INSERT INTO done VALUES (\(writer))")
        await connection.close()
    }
}
