import Foundation
import Postgres
import TestSupport
import Testing

extension BlackBox {
    @Suite("A number that is too large for 128 bits") struct PoisonNumberTests {
        private static let projections = ["account_balances", "daily_totals"]

        /// Amounts and versions that end a process when they are multiplied without a look.
        private static let amounts = ["4e38", "3.5e38", "-9.9e38", "\"4e38\"", "1e99999999999999999999"]

        private func append(_ site: TestSite) async throws -> [Int64] {
            try await site.append("account.opened", #"{"account_id":"a","deposit":1}"#)
            var poison: [Int64] = []
            for amount in Self.amounts {
                poison.append(try await site.append("account.deposited", #"{"account_id":"a","amount":\#(amount)}"#))
            }
            let versions = try await site.connection.query(
                """
                INSERT INTO events (event_id, stream_id, stream_version, event_type, event_data, metadata, "timestamp")
                SELECT gen_random_uuid(), 'versions', n, 'account.opened', '{"account_id":"b"}',
                    format('{"type_version":%s}', v)::json, '2026-05-01'
                FROM unnest(ARRAY['4e38', '-4e38', '9.9e38', '9223372036854775807', '-9223372036854775808'])
                    WITH ORDINALITY AS t (v, n)
                RETURNING global_position::int8
                """
            )
            poison += try (0..<versions.count).map { try versions.int64($0, 0) }
            try await site.append("account.deposited", #"{"account_id":"a","amount":2}"#)
            return poison
        }

        @Test("stops its projections in front of the event, and no process dies") func stops() async throws {
            try await TestSite.with { site in
                let poison = try await append(site)
                for command in [["tail", "--until-caught-up"], ["rebuild"]] {
                    let outcome = try await RefoldProcess.run(command, environment: site.environment)
                    #expect(outcome.code == 65, "\(outcome)")
                    #expect(outcome.errors.contains("position \(poison[0])"), "\(outcome)")
                    #expect(outcome.errors.contains("amount: expected a decimal number"), "\(outcome)")
                }
                for projection in Self.projections {
                    let stopped = try await site.status(of: projection)
                    #expect(stopped["position"] as? Int == Int(poison[0]) - 1)
                }
            }
        }

        @Test("is set aside where that is the policy", arguments: ["tail", "rebuild"])
        func isSetAside(command: String) async throws {
            let policies = Dictionary(
                uniqueKeysWithValues: Self.projections.map { ("projections.\($0).policy", "skip") }
            )
            try await TestSite.with(settings: policies) { site in
                let poison = try await append(site)
                try await site.succeed(command, command == "tail" ? "--until-caught-up" : "--quiet")
                let found = try await site.connection.query(
                    "SELECT DISTINCT position::int8 FROM refold.dead_letters WHERE projection = 'account_balances' ORDER BY 1"
                )
                #expect(try (0..<found.count).map { try found.int64($0, 0) } == poison)
                #expect(
                    try await site.number(
                        "SELECT balance::int8 FROM read_models.account_balances WHERE account_id = 'a'"
                    )
                        == 3
                )
            }
        }

        @Test("in a line to be imported refuses the line", arguments: ["position", "version", "type_version"])
        func inALine(member: String) async throws {
            try await TestSite.with { site in
                let path = "/tmp/refold-test-\(UInt64.random(in: .min ... .max)).ndjson"
                defer { unlink(path) }
                for number in ["4e38", "-9.9e38", "1e99999999999999999999"] {
                    let line = #"{"stream":"s","type":"t","data":{},"\#(member)":\#(number)}"# + "\n"
                    try line.write(toFile: path, atomically: false, encoding: .utf8)
                    let outcome = try await site.refold("import", path)
                    #expect(
                        outcome.code == 65 && outcome.errors.contains("\"\(member)\" is not a whole number"),
                        "\(outcome)"
                    )
                }
                #expect(try await site.number("SELECT count(*) FROM events") == 0)
            }
        }
    }
}
