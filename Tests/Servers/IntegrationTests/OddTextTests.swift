import Foundation
import Postgres
import TestSupport
import Testing

extension BlackBox {
    @Suite("Ids, types and payloads with odd characters") struct OddTextTests {
        /// A line of its own, a cleared screen, a turned direction and Unicode's own line break.
        private static let odd = "x\n1  forged\u{1B}[2J\u{202E}\u{2028}\u{9B}y"
        private static let shown = #"x\n1  forged\u001b[2J\u202e\u2028\u009by"#

        /// What no line of the output may hold.
        private func expectPlain(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) {
            let bad = text.unicodeScalars.filter {
                $0 != "\n"
                    && [.control, .lineSeparator, .paragraphSeparator, .format].contains($0.properties.generalCategory)
            }
            #expect(bad.isEmpty, "\(text.debugDescription)", sourceLocation: sourceLocation)
            #expect(!text.contains("\n1  forged"), sourceLocation: sourceLocation)
        }

        private func object(_ text: String) throws -> [String: Any] {
            try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        }

        @Test("are escaped for people and kept in JSON") func areEscaped() async throws {
            try await TestSite.with { site in
                let odd = Self.odd
                try await site.connection.execute(
                    """
                    INSERT INTO events (event_id, stream_id, stream_version, event_type, event_data, metadata, "timestamp")
                    VALUES (gen_random_uuid(), $1, 1, $1, $2, $2, now())
                    """,
                    [.text(odd), .json("{\n\"a\":\t\"\u{2028}\u{202E}\u{7F}\"}")]
                )
                try await site.connection.execute("INSERT INTO streams VALUES ($1, 1, now())", [.text(odd)])

                let text = try await site.succeed("streams", "show", odd)
                expectPlain(text)
                #expect(text.hasPrefix("stream \(Self.shown)\n1  "), "\(text)")
                #expect(text.contains("  \(Self.shown)  { \"a\": \"\\u2028\\u202e\\u007f\"}\n"), "\(text)")
                #expect(text.split(separator: "\n").count == 2)
                let list = try await site.succeed("streams", "list")
                expectPlain(list)
                #expect(list.contains("\n\(Self.shown)  "), "\(list)")

                let json = try await site.succeed("streams", "show", odd, "--json")
                #expect(json.contains("{ \"a\": \"\u{2028}\u{202E}\u{7F}\"}"), "\(json.debugDescription)")
                #expect(json.split(separator: "\n").count == 3)
                let shown = try object(json)
                #expect((shown["stream"] as? String).map { Array($0.utf8) } == Array(odd.utf8))
                let event = try #require((shown["events"] as? [[String: Any]])?.first)
                #expect((event["type"] as? String).map { Array($0.utf8) } == Array(odd.utf8))
                #expect((event["data"] as? [String: String])?["a"] == "\u{2028}\u{202E}\u{7F}")
                let listed = try object(try await site.succeed("streams", "list", "--json"))
                #expect(
                    ((listed["streams"] as? [[String: Any]])?.first?["stream"] as? String)?.utf8.count == odd.utf8.count
                )
            }
        }

        @Test("are escaped in what append says, in errors, and in the status") func inMessages() async throws {
            try await TestSite.with { site in
                let appended = try await site.succeed("append", Self.odd, "--type", "t", "--data", "1")
                expectPlain(appended)
                #expect(appended == "Appended version 1 of \(Self.shown), at position 1.\n")
                let calls: [([String], Int32)] = [
                    (["append", Self.odd, "--type", "t", "--data", "1", "--expecting", "7"], 75),
                    (["streams", "show", "no" + Self.odd], 65), (["show", "user_profiles", Self.odd], 65),
                    (["import", "/nowhere/" + Self.odd], 64), (["re" + Self.odd], 64),
                    (["append", "a", "--type", "t", "--data", "1", "--id", Self.odd], 64),
                ]
                try await site.succeed("rebuild")
                for (arguments, code) in calls {
                    let outcome = try await RefoldProcess.run(arguments, environment: site.environment)
                    #expect(outcome.code == code, "\(arguments): \(outcome)")
                    expectPlain(outcome.errors)
                    #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome)")
                }
                try await site.connection.execute(
                    "UPDATE refold.generations SET last_error = $1, last_error_at = now()",
                    [.text(Self.odd)]
                )
                let status = try await site.succeed("status")
                expectPlain(status)
                #expect(status.contains(Self.shown), "\(status)")
            }
        }

        @Test("that are no UTF-8 are refused in an argument, rather than taken for others") func invalidUTF8()
            async throws
        {
            try await TestSite.with { site in
                let script = #"exec "$0" append "$(printf 'caf\351')" --type t --data 1"#
                let outcome = try await ChildProcess.run(
                    ["sh", "-c", script, RefoldProcess.binary],
                    environment: site.environment
                )
                #expect(outcome.code == 64, "\(outcome)")
                #expect(outcome.errors.contains("argument 2") && outcome.errors.contains("not UTF-8"), "\(outcome)")
                #expect(try await site.number("SELECT count(*) FROM events") == 0)
            }
        }

        @Test("and those that are too long are refused as data, by name, limit and remedy") func tooLong() async throws
        {
            try await TestSite.with { site in
                let long = "\n" + String(repeating: "é", count: 3_000)
                let name = "\\n" + String(repeating: "é", count: 99) + "… (6001 bytes)"
                let events = [("a stream's id", long, "t"), ("an event's type", "a", long)]
                for (what, stream, type) in events {
                    let appended = try await site.refold("append", stream, "--type", type, "--data", "1")
                    #expect(appended.code == 65, "\(appended)")
                    #expect(appended.errors.contains("\(what) has at most 2048 bytes, not 6001: \(name) — shorten"))
                    let line = try JSONSerialization.data(withJSONObject: ["stream": stream, "type": type, "data": 1])
                    let file = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID()).ndjson")
                    try line.write(to: file)
                    defer { try? FileManager.default.removeItem(at: file) }
                    let imported = try await site.refold("import", file.path)
                    #expect(imported.code == 65, "\(imported)")
                    #expect(imported.errors.contains("line 1: \(what) has at most 2048 bytes, not 6001: \(name)"))
                }
                #expect(try await site.number("SELECT count(*) FROM events") == 0)
            }
        }
    }
}
