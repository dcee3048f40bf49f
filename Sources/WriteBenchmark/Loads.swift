internal import AggregateStore
internal import Aggregates
internal import ArgumentParser
internal import BankingDomain
internal import EventStore
internal import Postgres
internal import Refold

/// `WriteBenchmark loads`
///
/// An account is loaded without a snapshot, with one of the newest event, with one that 50 and one that 99 events followed,
/// as the policy of one every 100 leaves on average and at most.
struct Loads: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Load an account from its events alone and by snapshots, in turns, and print the median milliseconds."
    )

    @Argument(help: "The database that `refold migrate` has prepared.") var url: String
    @Argument(help: "How many events the account has; 200 or more.") var events: Int
    @Argument(help: "How often it is loaded each way.") var rounds: Int

    func validate() throws {
        guard events >= 200, rounds > 0 else { throw ValidationError("take 200 events or more, and 1 round or more") }
    }

    func run() async throws {
        let medians = try await measure(try await PostgresConnection.connect(to: url))
        print(medians.map { "\($0 / .milliseconds(1))" }.joined(separator: " "))
    }

    private func measure(_ connection: PostgresConnection) async throws -> [Duration] {
        let folding = Repository<BankAccount>(connection, snapshots: .never)
        let loading = Repository<BankAccount>(connection)
        // One account for each age of a snapshot.
        var accounts: [String] = []
        for age in [0, 50, 99] {
            let id = "\(EventID())"
            accounts.append(id)
            try await fill(id, events - age, folding)
            try await folding.takeSnapshot(of: folding.load(id))
            try await fill(id, age, folding)
        }
        _ = try await connection.execute("ANALYZE")
        var times = [[Duration]](repeating: [], count: 4)
        for round in -1..<rounds {
            for (way, id) in zip(0..<4, [accounts[0]] + accounts) {
                let started = ContinuousClock.now
                let loaded = try await (way == 0 ? folding : loading).load(id)
                let time = ContinuousClock.now - started
                guard loaded.version.rawValue == Int64(events),
                    loaded.aggregate.balance == ExactDecimal(Int64(events - 1))
                else {
                    throw Wrong(version: loaded.version)
                }
                // The first round only prepares the statements.
                if round >= 0 { times[way].append(time) }
            }
        }
        return times.map { $0.sorted()[$0.count / 2] }
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

    /// What was loaded is not what was saved.
    private struct Wrong: Error {
        let version: StreamPosition
    }
}
