internal import AggregateStore
internal import Aggregates
internal import BankingDomain
internal import EventStore
internal import Glibc
internal import Postgres
internal import Refold

/// Loads an account of many events from its events alone and by its snapshot, in turns, and prints the medians in
/// milliseconds: without a snapshot, with one of the newest event, with one that 50 and one that 99 events followed, as
/// the policy of one every 100 leaves on average and at most. For `ops/bench`.
///
///     LoadBenchmark URL EVENTS ROUNDS
@main
struct LoadBenchmark {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 4, let events = Int(arguments[2]), let rounds = Int(arguments[3]), events >= 200,
            rounds > 0
        else {
            let usage = "usage: LoadBenchmark URL EVENTS ROUNDS\n"
            _ = write(STDERR_FILENO, usage, usage.utf8.count)
            exit(64)
        }
        let connection = try await PostgresConnection.connect(to: arguments[1])
        let medians = try await measure(connection, events: events, rounds: rounds)
        print(medians.map { "\($0 / .milliseconds(1))" }.joined(separator: " "))
    }

    private static func measure(
        _ connection: PostgresConnection,
        events: Int,
        rounds: Int
    ) async throws -> [Duration] {
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
                guard loaded.version.rawValue == Int64(events), loaded.aggregate.balance == Decimal(Int64(events - 1))
                else {
                    throw Wrong(version: loaded.version)
                }
                // The first round only prepares the statements.
                if round >= 0 { times[way].append(time) }
            }
        }
        return times.map { $0.sorted()[$0.count / 2] }
    }

    private static func fill(_ id: String, _ events: Int, _ accounts: Repository<BankAccount>) async throws {
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
