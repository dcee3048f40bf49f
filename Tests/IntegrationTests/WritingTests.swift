import Foundation
import Postgres
import TestSupport
import Testing

extension BlackBox {
    @Suite("Writing events from the command line") struct WritingTests {
        private func object(_ text: String) throws -> [String: Any] {
            try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        }

        @Test("append stores an event with all that was given, and the same again only once") func appends()
            async throws
        {
            try await Site.with { site in
                let id = "018f3c1e-9a00-7b1c-8000-5f2d3c4b5a69"
                let arguments = [
                    "append", "account-1", "--type", "account.deposited", "--data", #"{"amount": 12.50}"#, "--id", id,
                    "--expecting", "none", "--type-version", "2", "--correlation-id", "c", "--causation-id", "d",
                    "--user-id", "é", "--metadata", #"{"by": "hand"}"#, "--json",
                ]
                for repeated in [false, true] {
                    let outcome = try await RefoldProcess.run(arguments, environment: site.environment)
                    #expect(outcome.code == 0, "\(outcome)")
                    let result = try object(outcome.output)
                    #expect(result["stream"] as? String == "account-1")
                    #expect(result["version"] as? Int == 1)
                    #expect(result["position"] as? Int == 1)
                    #expect(result["id"] as? String == id)
                    #expect(result["repeated"] as? Bool == repeated)
                }
                let row = try await site.connection.query(
                    """
                    SELECT stream_id, stream_version, event_type, event_data ->> 'amount' AS amount, metadata::text AS metadata
                    FROM events
                    """
                ).rows[0]
                #expect(try row.text("stream_id") == "account-1")
                #expect(try row.text("event_type") == "account.deposited")
                #expect(try row.text("amount") == "12.50")
                let metadata = try object(row.text("metadata"))
                #expect(metadata["by"] as? String == "hand")
                #expect(metadata["type_version"] as? Int == 2)
                #expect(metadata["correlation_id"] as? String == "c")
                #expect(metadata["causation_id"] as? String == "d")
                #expect(metadata["user_id"] as? String == "é")
                #expect(metadata["timestamp"] as? String != nil)
                let text = try await site.succeed(
                    "append",
                    "account-1",
                    "--type",
                    "t",
                    "--data",
                    "1",
                    "--expecting",
                    "1"
                )
                #expect(text == "Appended version 2 of account-1, at position 2.\n")
            }
        }

        @Test(
            "append says with its exit code what is wrong",
            arguments: [
                (["s", "--type", "t", "--data", "{}", "--expecting", "exists"], 75, "no events"),
                (["s", "--type", "t", "--data", "{}", "--expecting", "7"], 75, "version 7"),
                (["s", "--type", "t", "--data", "{\"a\":}"], 65, "--data is not JSON at byte 5"),
                (["s", "--type", "t", "--data", "{}", "--metadata", "[]"], 65, "--metadata"),
                (["s", "--type", "t", "--data", "{}", "--expecting", "-1"], 64, "--expecting"),
                (["s", "--type", "t", "--data", "{}", "--expecting", "some"], 64, "expecting"),
                (["s", "--type", "t", "--data", "{}", "--id", "x"], 64, "--id"),
                (["s", "--type", "t"], 64, "--data"), (["s", "--data", "{}"], 64, "--type"),
            ]
        )
        func refuses(arguments: [String], code: Int32, part: String) async throws {
            try await Site.with { site in
                let outcome = try await RefoldProcess.run(["append"] + arguments, environment: site.environment)
                #expect(outcome.code == code, "\(outcome)")
                #expect(outcome.errors.contains(part), "\(outcome)")
                #expect(outcome.errors.split(separator: "\n").count == 1)
                #expect(try await site.number("SELECT count(*) FROM events") == 0)
            }
        }

        @Test("streams list shows streams and their versions") func lists() async throws {
            try await Site.with { site in
                for stream in ["user-1", "account-2", "account-1", "account-1"] {
                    try await site.succeed("append", stream, "--type", "t", "--data", "{}")
                }
                let result = try object(await site.succeed("streams", "list", "--prefix", "account-", "--json"))
                let streams = try #require(result["streams"] as? [[String: Any]])
                #expect(streams.map { $0["stream"] as? String } == ["account-1", "account-2"])
                #expect(streams.map { $0["version"] as? Int } == [2, 1])
                let table = try await site.succeed("streams", "list", "--limit", "1")
                #expect(table.split(separator: "\n").count == 2)
                #expect(table.contains("account-1"))
                #expect(try await site.refold("streams").code == 64)
                #expect(try await site.refold("streams", "list", "--limit", "0").code == 64)
            }
        }
    }
}
