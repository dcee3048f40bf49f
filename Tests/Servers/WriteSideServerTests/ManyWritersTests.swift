import AggregateStore
import Aggregates
import BankingDomain
import EventStore
import Postgres
import Refold
import TestSupport
import Testing
import VideoDomain
import WriteSimulation

/// Many writers on few streams, each with conflicts, lost connections and cancelled statements, beside transactions that
/// are rolled back. What fails names its seed; the order in which the server serves the writers is not part of it.
@Suite("Many writers on few streams", .serialized)
struct ManyWritersTests {
    private static let writers = 8
    private static let decisions = 100
    /// Other seeds with every run, and two that are always tried.
    private static let seeds: [UInt64] = [1, 2, .random(in: 3 ... .max)]

    /// Runs writers and nuisances on a database where `refold migrate` was, and checks what must hold of any log.
    private func write<D: SimulatedDecision>(
        _ kind: D.Type,
        ids: [String],
        seed: UInt64,
        _ url: String,
        _ connection: PostgresConnection,
        _ ledger: WriterLedger = WriterLedger()
    ) async throws {
        var generator = SeededGenerator(seed: seed)
        let streams = ids.map { D.Decider.stream(of: $0) }
        let (forRollbacks, forInterrupts) = (generator.split(), generator.split())
        let seeds = (0..<Self.writers).map { _ in generator.next() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await FaultInjector.rollBack(url, streams: streams, times: 40, forRollbacks) }
            try await withThrowingTaskGroup(of: Void.self) { writers in
                let interrupter = Task { try await FaultInjector.interrupt(url, forInterrupts) }
                for (number, seed) in seeds.enumerated() {
                    writers.addTask {
                        let writer = SimulatedWriter<D>(
                            url: url,
                            name: "\(D.Decider.category)\(number)",
                            ids: ids,
                            upcasters: Upcasters(Upcaster.banking)
                        )
                        try await writer.run(decisions: Self.decisions, seed: seed) { ledger.note($0) }
                    }
                }
                try await writers.waitForAll()
                interrupter.cancel()
                try await interrupter.value
            }
            try await group.waitForAll()
        }
        let log = try await WrittenLog(connection)
        #expect(!log.entries.contains { $0.type == "never.happened" }, "seed \(seed)")
        try await expectGapless(log, connection, seed: seed)
        ledger.expectKept(in: log, seed: seed)
        let acknowledged = ledger.count {
            if case .acknowledged(_, let positions) = $0 { !positions.isEmpty } else { false }
        }
        #expect(acknowledged > 20, "seed \(seed): little was written")
        for id in ids {
            let plain = Repository<D.Decider>(connection, upcasters: Upcasters(Upcaster.banking), snapshots: .never)
            let quick = Repository<D.Decider>(connection, upcasters: Upcasters(Upcaster.banking))
            let (folded, loaded) = (try await plain.load(id), try await quick.load(id))
            #expect(folded.version == loaded.version, "seed \(seed)")
            #expect("\(folded.aggregate)" == "\(loaded.aggregate)", "seed \(seed): with and without snapshots")
        }
    }

    /// Runs `refold` to its end and requires exit code 0.
    private func refold(_ url: String, _ arguments: String...) async throws {
        let outcome = try await RefoldProcess.run(arguments, environment: ["REFOLD_DATABASE_URL": url])
        try #require(outcome.code == 0, "\(arguments): \(outcome)")
    }

    @Test(
        "Accounts: versions without gaps, no update lost, never below the limit, read models as the log",
        arguments: seeds
    )
    func accounts(seed: UInt64) async throws {
        try await TestDatabase.with { database in
            try await refold(database.url, "migrate")
            let connection = try await database.connect()
            let ids = ["1", "2", "3"]
            // The daemon folds while they write.
            try await RefoldProcess.with(["tail"], environment: ["REFOLD_DATABASE_URL": database.url]) { daemon in
                try await write(AccountDecision.self, ids: ids, seed: seed, database.url, connection)
                await daemon.send(15)
                #expect(try await daemon.outcome().code == 0, "seed \(seed): \(daemon.errors)")
            }
            try await expectNoOverdraft(connection, seed: seed)
            for id in ids {
                let account = try await Repository<BankAccount>(connection).load(id).aggregate
                let balance = try await connection.query(
                    """
                    SELECT coalesce(sum(CASE event_type
                        WHEN 'account.opened' THEN (event_data ->> 'initial_deposit')::numeric
                        WHEN 'account.deposited' THEN (event_data ->> 'amount')::numeric
                        WHEN 'account.withdrawn' THEN -(event_data ->> 'amount')::numeric END), 0)::text
                    FROM events WHERE stream_id = 'account-' || $1
                    """,
                    [.text(id)]
                )
                #expect(try account.balance == ExactDecimal(balance.text(0, 0)), "seed \(seed)")
            }
            try await refold(database.url, "tail", "--until-caught-up")
            try await expectReadModels(connection, seed: seed)
        }
    }

    @Test("Users and titles: the same, and the three read models are an independent fold of the log", arguments: seeds)
    func video(seed: UInt64) async throws {
        try await TestDatabase.with { database in
            try await refold(database.url, "migrate")
            let connection = try await database.connect()
            let ids = ["1", "2", "3"]
            let ledger = WriterLedger()
            try await write(UserDecision.self, ids: ids, seed: seed, database.url, connection, ledger)
            try await write(ContentDecision.self, ids: ids, seed: seed, database.url, connection, ledger)
            try await refold(database.url, "tail", "--until-caught-up")
            let expected = try await ReferenceFold.models(on: connection)
            let differences = try await ReadModelViews.read(connection).differences(from: expected)
            #expect(differences.isEmpty, "seed \(seed): \(differences.joined(separator: "\n"))")
            #expect(expected.contentPopularity.count == 3)
        }
    }

    /// Computed by the database alone: after no event of any account is its balance below minus the limit, and nothing
    /// follows a closing.
    private func expectNoOverdraft(_ connection: PostgresConnection, seed: UInt64) async throws {
        let rows = try await connection.query(
            """
            WITH moves AS (
                SELECT stream_id, stream_version, event_type,
                    sum(CASE event_type WHEN 'account.withdrawn' THEN -(event_data ->> 'amount')::numeric
                        ELSE coalesce(event_data ->> 'initial_deposit', event_data ->> 'amount')::numeric END)
                        OVER (PARTITION BY stream_id ORDER BY stream_version) AS balance,
                    max((event_data ->> 'overdraft_limit')::numeric) OVER (PARTITION BY stream_id) AS overdraft,
                    max(stream_version) OVER (PARTITION BY stream_id) AS newest
                FROM events WHERE stream_id LIKE 'account-%'
            )
            SELECT stream_id || ' at ' || stream_version FROM moves
            WHERE balance < -overdraft OR (event_type = 'account.opened') <> (stream_version = 1)
                OR (event_type = 'account.closed' AND stream_version <> newest)
            """
        )
        let wrong = try rows.rows.map { try $0.text(0) }
        #expect(wrong.isEmpty, "seed \(seed): \(wrong)")
    }

    /// The read models against what the database makes of the log by itself.
    private func expectReadModels(_ connection: PostgresConnection, seed: UInt64) async throws {
        let accounts = try await connection.query(
            """
            WITH folded AS (
                SELECT event_data ->> 'account_id' AS account_id,
                    coalesce(sum(CASE event_type WHEN 'account.withdrawn' THEN -(event_data ->> 'amount')::numeric
                        ELSE coalesce(event_data ->> 'initial_deposit', event_data ->> 'amount')::numeric END), 0) AS balance,
                    max((event_data ->> 'overdraft_limit')::numeric) AS overdraft_limit,
                    bool_and(event_type <> 'account.closed') AS is_active,
                    count(*) FILTER (WHERE event_type IN ('account.deposited', 'account.withdrawn')
                        OR (event_data ->> 'initial_deposit')::numeric > 0) AS transactions,
                    min("timestamp") FILTER (WHERE event_type = 'account.opened') AS opened_at,
                    min("timestamp") FILTER (WHERE event_type = 'account.closed') AS closed_at,
                    (array_agg("timestamp" ORDER BY global_position DESC))[1] AS last_activity
                FROM events GROUP BY 1
            ), shown AS (
                SELECT account_id, balance, overdraft_limit, is_active, transactions, opened_at, closed_at, last_activity
                FROM read_models.account_balances
            ), differing AS (
                (SELECT 'folded', * FROM folded EXCEPT SELECT 'folded', * FROM shown)
                UNION ALL (SELECT 'shown', * FROM shown EXCEPT SELECT 'shown', * FROM folded)
            )
            SELECT coalesce((SELECT string_agg(d::text, E'\\n') FROM differing d), ''), (SELECT count(*) FROM shown)
            """
        )
        #expect(try accounts.text(0, 0) == "", "seed \(seed)")
        #expect(try accounts.int64(0, 1) == 3, "seed \(seed)")
        let days = try await connection.query(
            """
            WITH moves AS (
                SELECT ("timestamp" AT TIME ZONE 'UTC')::date AS day, event_type,
                    coalesce(event_data ->> 'initial_deposit', event_data ->> 'amount')::numeric AS amount
                FROM events WHERE event_type IN ('account.opened', 'account.deposited', 'account.withdrawn')
            ), folded AS (
                SELECT day, coalesce(sum(amount) FILTER (WHERE event_type <> 'account.withdrawn'), 0) AS deposits,
                    coalesce(sum(amount) FILTER (WHERE event_type = 'account.withdrawn'), 0) AS withdrawals,
                    sum(CASE event_type WHEN 'account.withdrawn' THEN -amount ELSE amount END) AS net, count(*) AS count
                FROM moves WHERE amount > 0 GROUP BY day
            ), shown AS (
                SELECT day, deposits, withdrawals, net, count FROM read_models.daily_totals
            ), differing AS (
                (SELECT 'folded', * FROM folded EXCEPT SELECT 'folded', * FROM shown)
                UNION ALL (SELECT 'shown', * FROM shown EXCEPT SELECT 'shown', * FROM folded)
            )
            SELECT coalesce((SELECT string_agg(d::text, E'\\n') FROM differing d), ''), (SELECT count(*) FROM shown)
            """
        )
        #expect(try days.text(0, 0) == "", "seed \(seed)")
        #expect(try days.int64(0, 1) > 0, "seed \(seed)")
    }
}
