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
            try await TestSite.with { site in
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
                (["s", "--type", "t", "--data", "{}", "--metadata", #"{"type_version":4e38}"#], 65, "type_version"),
                (["s", "--type", "t", "--data", "{}", "--expecting", "-1"], 64, "--expecting"),
                (["s", "--type", "t", "--data", "{}", "--expecting", "some"], 64, "expecting"),
                (["s", "--type", "t", "--data", "{}", "--id", "x"], 64, "--id"),
                (["s", "--type", "t"], 64, "--data"), (["s", "--data", "{}"], 64, "--type"),
            ]
        )
        func refuses(arguments: [String], code: Int32, part: String) async throws {
            try await TestSite.with { site in
                let outcome = try await RefoldProcess.run(["append"] + arguments, environment: site.environment)
                #expect(outcome.code == code, "\(outcome)")
                #expect(outcome.errors.contains(part), "\(outcome)")
                #expect(outcome.errors.split(separator: "\n").count == 1)
                #expect(try await site.number("SELECT count(*) FROM events") == 0)
            }
        }

        @Test("streams list shows streams and their versions") func lists() async throws {
            try await TestSite.with { site in
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

extension BlackBox {
    @Suite("Moving events from the command line") struct MovingTests {
        private static func withFile<R>(_ lines: some Sequence<String>, _ body: (String) async throws -> R) async throws
            -> R
        {
            let path = FileManager.default.temporaryDirectory.path + "/refold-test-\(UUID().uuidString).ndjson"
            try lines.map { $0 + "\n" }.joined().write(toFile: path, atomically: false, encoding: .utf8)
            defer { try? FileManager.default.removeItem(atPath: path) }
            return try await body(path)
        }

        @Test("export and import move a log to another store, by position or by stream") func moves() async throws {
            try await TestSite.with { site in
                try await site.load(2_000)
                let all = try await site.succeed("export")
                #expect(try await site.succeed("export", "--from", "1501").split(separator: "\n").count == 500)
                let part = try await site.succeed("export", "--from", "11", "--through", "20")
                #expect(part.split(separator: "\n") == Array(all.split(separator: "\n")[10..<20]))
                let stream = try await site.connection.query(
                    "SELECT stream_id, version::bigint FROM streams ORDER BY version DESC LIMIT 1"
                ).rows[0]
                let events = try await site.succeed("export", "--stream", stream.text(0)).split(separator: "\n")
                #expect(Int64(events.count) == (try stream.int64(1)))
                try await Self.withFile(all.split(separator: "\n").map { String($0) }) { path in
                    try await TestSite.with { other in
                        let text = try await other.succeed("import", path, "--json")
                        #expect(text.contains("\"appended\":2000,\"skipped\":0"))
                        #expect(try await other.succeed("export") == all)
                        #expect(
                            try await other.succeed("import", path).contains("the first 2,000 lines were done before")
                        )
                        try await other.succeed("rebuild")
                        try await other.expectReferenceFold()
                    }
                }
            }
        }

        @Test("import reports bad lines by number with exit code 65, and files that are not there with 64")
        func reports() async throws {
            try await TestSite.with { site in
                let lines = [#"{"stream":"a","type":"t","data":1}"#, "{", #"{"stream":"a","type":"t"}"#]
                try await Self.withFile(lines) { path in
                    let outcome = try await site.refold("import", path)
                    #expect(outcome.code == 65)
                    #expect(
                        outcome.errors.split(separator: "\n") == [
                            "refold: line 2: it is not JSON at byte 1: expected a member's name",
                            "refold: line 3: \"data\" is missing",
                        ]
                    )
                    #expect(try await site.number("SELECT count(*) FROM events") == 0)
                }
                #expect(try await site.refold("import", "/no/such/file").code == 64)
                #expect(try await site.refold("import", "/tmp").code == 74)
            }
        }

        @Test("An import that is killed again and again stores each line once", .timeLimit(.minutes(2)))
        func killed() async throws {
            try await TestSite.with { site in
                // Without ids: only the note of how far it came keeps a line from being stored twice.
                let count = 120_000
                let lines = (1...count).lazy.map { #"{"stream":"s\#($0 % 100)","type":"t","data":\#($0)}"# }
                try await Self.withFile(lines) { path in
                    var stored: Int64 = 0
                    for _ in 0..<4 {
                        try await site.running("import", path) { process in
                            try await wait(for: "another batch") {
                                let now = try await site.number("SELECT count(*) FROM events")
                                defer { stored = now }
                                return now > stored
                            }
                            await process.send(SIGKILL)
                            _ = try await process.outcome()
                        }
                    }
                    try await site.succeedSoon("import", path)
                }
                let imported = try await site.connection.query(
                    "SELECT event_data::text::bigint FROM events ORDER BY global_position"
                )
                #expect(try imported.rows.map { try $0.int64(0) } == Array(1...Int64(count)))
            }
        }
    }
}
