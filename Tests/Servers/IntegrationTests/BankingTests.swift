import Foundation
import Postgres
import Redis
import TestSupport
import Testing

extension BlackBox {
    @Suite("Another domain: bank accounts") struct BankingTests {
        private func expectRight(
            _ site: TestSite,
            refused: Set<Int64> = [],
            _ circumstances: String = "",
            sourceLocation: SourceLocation = #_sourceLocation
        ) async throws {
            let found = try await BankingLog.differences(site.connection, refused: refused)
            #expect(found.wrong == 0, "\(circumstances)", sourceLocation: sourceLocation)
            #expect(found.rows > 20, "nothing was compared", sourceLocation: sourceLocation)
        }

        private func load(_ site: TestSite, _ events: Int, seed: Int = 1, as json: String = "json") async throws {
            try await site.connection.executeScript(BankingLog.insert(events: events, seed: seed, json: json))
        }

        @Test("Rebuilt, tailed and by plain SQL the rows are the same to the last digit", arguments: ["json", "jsonb"])
        func equality(payload: String) async throws {
            try await TestSite.with(payload: payload) { site in
                for seed in 1...3 {
                    try await load(site, 1_000, seed: seed, as: payload)
                    try await site.load(200, seed: UInt64(seed))
                    try await site.succeed("tail", "--until-caught-up")
                }
                try await expectRight(site)
                let tailed = try await BankingLog.digest(site.connection)
                try await site.succeed("rebuild")
                #expect(try await BankingLog.digest(site.connection) == tailed)
                for (budget, batch) in [("64KiB", "7"), ("64KiB", "100"), ("64KiB", "1"), ("1MiB", "10000")] {
                    let settings = [
                        "engine.memory-budget": budget, "engine.batch-size": batch, "engine.window-events": "150",
                    ]
                    let other = site.with(settings)
                    try await other.succeed("rebuild", "account_balances", "daily_totals", "--fresh")
                    #expect(try await BankingLog.digest(site.connection) == tailed, "\(settings)")
                }
                // What was rebuilt goes on as what was tailed would have.
                try await load(site, 500, seed: 4, as: payload)
                try await site.succeed("tail", "--until-caught-up")
                try await expectRight(site)
                try await site.expectReferenceFold()
            }
        }

        @Test("A sum of too many digits, and a version from a newer program, are refused and nothing else is lost")
        func refused() async throws {
            let skip = ["account_balances", "daily_totals"].reduce(into: [String: String]()) {
                $0["projections.\($1).policy"] = "skip"
            }
            try await TestSite.with(settings: skip) { site in
                try await load(site, 500)
                let most = String(repeating: "9", count: 38)
                let opened = #"{"account_id":"huge","deposit":\#(most)}"#
                try await site.append("account.opened", opened, at: "1999-12-31 00:00:00+00")
                let deposit = #"{"account_id":"huge","amount":0.1}"#
                let overflow = try await site.append("account.deposited", deposit, at: "1999-12-31 00:00:00+00")
                let newer = try await site.number(
                    """
                    INSERT INTO events (event_id, stream_id, stream_version, event_type, event_data, metadata, "timestamp")
                    VALUES (gen_random_uuid(), 'newer', 1, 'account.opened', '{"account_id":"newer","x":1}',
                        '{"type_version":4}', now()) RETURNING global_position::int8
                    """
                )
                try await load(site, 500, seed: 2)
                try await site.succeed("tail", "--until-caught-up")
                try await expectRight(site, refused: [overflow, newer])
                try await site.succeed("rebuild", "--fresh")
                try await expectRight(site, refused: [overflow, newer])
                let letters = try await site.connection.query(
                    """
                    SELECT projection, position::int8, error FROM refold.dead_letters
                    WHERE generation IN (SELECT live FROM refold.projections) ORDER BY position, projection
                    """
                )
                let found = try letters.rows.map { try "\($0.text(0)) \($0.int64(1))" }
                #expect(
                    found == [
                        "account_balances \(overflow)", "daily_totals \(overflow)", "account_balances \(newer)",
                        "daily_totals \(newer)",
                    ]
                )
                let errors = try letters.rows.map { try $0.text(2) }
                #expect(errors[0].contains("more than 38 digits") && errors[1].contains("more than 38 digits"))
                let reason = "account.opened of version 4 was written by a newer program"
                #expect(errors[2].contains(reason) && errors[3].contains(reason), "\(errors)")

                let stopping = site.with(["projections.daily_totals.policy": "stop"])
                let outcome = try await stopping.refold("rebuild", "daily_totals")
                #expect(outcome.code == 65 && outcome.errors.contains("\(overflow)"), "\(outcome)")
            }
        }

        @Test("Rows are cached and shown with exact digits, by day too") func cached() async throws {
            try await PrivateRedisServer.withServer { server in
                let settings = ["redis.url": server.urlText, "redis.timeout": "300ms"]
                try await TestSite.with(settings: settings) { site in
                    try await site.append("account.opened", #"{"account_id":"a","deposit":0}"#)
                    for amount in ["0.1", "0.2", "123456789012345678901234567890"] {
                        for _ in 1...2 {
                            try await site.append("account.deposited", #"{"account_id":"a","amount":\#(amount)}"#)
                        }
                    }
                    try await site.append("account.withdrawn", #"{"account_id":"a","amount":0.70}"#)
                    try await site.succeed("rebuild")
                    let redis = try await server.connect()
                    for (view, key) in [("account_balances", "account_id"), ("daily_totals", "day::text")] {
                        #expect(try await CachedRows(site, redis).complaints(view, key: key) == [])
                    }
                    await redis.close()
                    let account = try await site.succeed("show", "account_balances", "a", "--json")
                    #expect(account.contains(#""source":"cache""#), "\(account)")
                    #expect(account.contains(#""balance":246913578024691357802469135779.9,"#), "\(account)")
                    for key in ["2026-05-01", "+2026-05-01"] {
                        let day = try await site.succeed("show", "daily_totals", key, "--json")
                        #expect(day.contains(#""source":"cache""#), "\(day)")
                        #expect(day.contains(#""day":"2026-05-01","deposits":246913578024691357802469135780.6,"#))
                    }
                    server.kill()
                    let day = try await site.succeed("show", "daily_totals", "2026-05-01", "--json")
                    #expect(day.contains(#""source":"database""#), "\(day)")
                    #expect(day.contains(#""day":"2026-05-01","deposits":246913578024691357802469135780.6,"#))
                    let none = try await site.refold("show", "daily_totals", "2026-05-02")
                    #expect(none.code == 65, "\(none)")
                    let wrong = try await site.refold("show", "daily_totals", "yesterday")
                    #expect(wrong.code == 64 && wrong.errors.contains("day like 2024-03-01"), "\(wrong)")
                }
            }
        }
    }
}
