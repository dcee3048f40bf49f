import AggregateStore
import BankingDomain
import Postgres
import Redis
import Refold
import RefoldCommandLine
import RefoldInstallation
import TestSupport
import Testing

@Suite("The way from a decision to a row and a key, as the article WritingEvents has it")
struct ReadmePathTests {
    @Test("It goes as the article says")
    func path() async throws {
        try await TestRedis.withPrefix { redis in
            try await TestDatabase.with { database in
                let environment = [
                    "REFOLD_DATABASE_URL": database.url, "REFOLD_REDIS_URL": redis.urlText,
                    "REFOLD_REDIS_PREFIX": redis.prefix + "refold", "REFOLD_PROJECTIONS_ACCOUNT_BALANCES_HOT_BY": "all",
                ]
                let refold = { (arguments: [String]) in
                    let outcome = try await RefoldProcess.run(arguments, environment: environment)
                    try #require(outcome.code == 0, "\(arguments): \(outcome)")
                    return outcome.output
                }
                _ = try await refold(["migrate"])
                try await decide(database.url)
                _ = try await refold(["tail", "--until-caught-up"])

                let shown = try await refold(["streams", "show", "account-42"])
                #expect(shown.contains(#"  account.withdrawn  {"account_id":"42","amount":120}"# + "\n"))
                #expect(
                    shown.hasSuffix(
                        """
                        BankAccount at version 2: \
                        {"balance":"-20","id":"42","isClosed":false,"isOpened":true,"overdraftLimit":"50"}

                        """
                    )
                )
                let row = try await database.connect().query(
                    "SELECT account_id, balance::text, transactions FROM read_models.account_balances"
                )
                #expect(try row.text(0, 0) == "42")
                #expect(try row.text(0, 1) == "-20")
                #expect(try row.int64(0, 2) == 2)
                let cache = try await redis.connect()
                let prefix = redis.prefix + "refold:account_balances"
                let live = try #require(try await cache.send("GET", .text("\(prefix):live")).text)
                let cached = try #require(try await cache.send("GET", .text("\(prefix):\(live):row:42")).text)
                #expect(
                    cached.hasPrefix(
                        #"{"_position":2,"account_id":"42","balance":-20,"overdraft_limit":50,"is_active":true,"transactions":2,"#
                    ),
                    "\(cached)"
                )
                await cache.close()
            }
        }
    }

    private func decide(_ url: String) async throws {
        let now = try #require(Timestamp("2026-05-01T12:00:00Z"))
        let connection = try await PostgresConnection.connect(to: url)
        let accounts = Repository<BankAccount>(connection, upcasters: Installation.refold.upcasters)
        try await accounts.execute("42") { try $0.open(initialDeposit: 100, overdraftLimit: 50, at: now) }
        let saved = try await accounts.execute("42", DecisionContext(userID: "ann")) { try $0.withdraw(120) }
        #expect("\(saved.aggregate.balance) \(saved.version) \(saved.positions)" == "-20 2 [2]")
        let refusal = BankAccountError.insufficientFunds(available: 30, requested: 31)
        await #expect(throws: refusal) { try await accounts.execute("42") { try $0.withdraw(31) } }
        #expect(try await accounts.load("42", at: .version(1)).aggregate.balance == 100)
        await connection.close()
    }
}
