internal import AggregateStore
internal import Aggregates
internal import BankingDomain
internal import EventStore
internal import Postgres
internal import Refold

/// Loads an account without a snapshot, with one of the newest event, with one that 50 and one that 99 events followed,
/// as the policy of one every 100 leaves on average and at most.
struct Loads {
    /// How many events the account has.
    static let events = 10_000
    /// How often it is loaded each way.
    private static let rounds = 51

    private let database: Database

    init(_ database: Database) {
        self.database = database
    }

    /// The median times of all ways, which take turns.
    func medians() async throws -> [SnapshotAge: Duration] {
        try await database.withConnection { try await measure($0) }
    }

    private func measure(_ connection: PostgresConnection) async throws -> [SnapshotAge: Duration] {
        let folding = Repository<BankAccount>(connection, snapshots: .never)
        let loading = Repository<BankAccount>(connection)
        // One account for each age of a snapshot.
        var accounts: [(age: SnapshotAge, id: String)] = []
        for age in [SnapshotAge.newest, .average, .oldest] {
            let id = "\(EventID())"
            accounts.append((age, id))
            try await fill(id, Self.events - age.rawValue, folding)
            try await folding.takeSnapshot(of: folding.load(id))
            try await fill(id, age.rawValue, folding)
        }
        accounts.insert((.none, accounts[0].id), at: 0)
        try await connection.execute("ANALYZE")
        var times: [SnapshotAge: [Duration]] = [:]
        for round in -1..<Self.rounds {
            for (age, id) in accounts {
                let started = ContinuousClock.now
                let loaded = try await (age == .none ? folding : loading).load(id)
                let time = ContinuousClock.now - started
                guard loaded.version.rawValue == Int64(Self.events),
                    loaded.aggregate.balance == ExactDecimal(Int64(Self.events - 1))
                else { throw Failure(description: "an account was loaded at version \(loaded.version)") }
                // The first round only prepares the statements.
                if round >= 0 { times[age, default: []].append(time) }
            }
        }
        return times.mapValues { $0.sorted()[$0.count / 2] }
    }

    private func fill(_ id: String, _ events: Int, _ accounts: Repository<BankAccount>) async throws {
        var left = events
        while left > 0 {
            let wanted = min(left, 1_000)
            let saved = try await accounts.execute(id) { account in
                var decision = Decision(account)
                if !account.isOpened { try decision.make { try $0.open(at: .epoch) } }
                while decision.events.count < wanted { try decision.make { try $0.deposit(1) } }
                return decision.events
            }
            left -= saved.positions.count
        }
    }
}
