import Foundation
import Postgres
import TestSupport
import Testing

extension BlackBox {
    @Suite("Streams on the command line") struct StreamsShowTests {
        /// An account with four events, by clocks that are hours apart.
        private func fill(_ site: TestSite) async throws {
            let events = [
                ("account.opened", #"{"account_id": "7", "deposit": 100.10}"#, "10:00:00"),
                ("account.deposited", #"{"account_id": "7", "amount": 0.20}"#, "11:00:00"),
                ("account.withdrawn", #"{"account_id": "7", "amount": 50}"#, "12:00:00"),
                ("account.painted", "{\n}", "13:00:00"),
            ]
            for (index, (type, data, time)) in events.enumerated() {
                try await site.connection.execute(
                    """
                    INSERT INTO events (event_id, stream_id, stream_version, event_type, event_data, metadata, "timestamp")
                    VALUES (gen_random_uuid(), 'account-7', \(index + 1), '\(type)', '\(data)', '{"by": "hand"}',
                            '2026-05-01 \(time)+00')
                    """
                )
            }
        }

        private func object(_ text: String) throws -> [String: Any] {
            try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        }

        @Test("show prints the events and the state of the aggregate") func shows() async throws {
            try await TestSite.with { site in
                try await fill(site)
                let text = try await site.succeed("streams", "show", "account-7")
                #expect(
                    text == """
                        stream account-7
                        1  2026-05-01T10:00:00Z  account.opened  {"account_id": "7", "deposit": 100.10}
                        2  2026-05-01T11:00:00Z  account.deposited  {"account_id": "7", "amount": 0.20}
                        3  2026-05-01T12:00:00Z  account.withdrawn  {"account_id": "7", "amount": 50}
                        4  2026-05-01T13:00:00Z  account.painted  { }
                        BankAccount at version 4: {"balance":"50.3","id":"7","isClosed":false,"isOpened":true,"overdraftLimit":"0"}

                        """
                )
            }
        }

        @Test("show --json is one object, with metadata and state") func showsJSON() async throws {
            try await TestSite.with { site in
                try await fill(site)
                let shown = try object(try await site.succeed("streams", "show", "account-7", "--json"))
                let events = try #require(shown["events"] as? [[String: Any]])
                #expect(events.map { $0["version"] as? Int } == [1, 2, 3, 4])
                #expect(events.map { $0["position"] as? Int } == [1, 2, 3, 4])
                #expect(events[1]["type"] as? String == "account.deposited")
                #expect((events[1]["data"] as? [String: Any])?["amount"] as? Double == 0.2)
                #expect((events[1]["metadata"] as? [String: Any])?["by"] as? String == "hand")
                #expect(events[1]["timestamp"] as? String == "2026-05-01T11:00:00Z")
                #expect(shown["version"] as? Int == 4)
                #expect(shown["aggregate"] as? String == "BankAccount")
                #expect((shown["state"] as? [String: Any])?["balance"] as? String == "50.3")
            }
        }

        @Test("show tells the past, by version and by time") func showsThePast() async throws {
            try await TestSite.with { site in
                try await fill(site)
                let past: [([String], Int, String?)] = [
                    (["--at", "2"], 2, "100.3"), (["--as-of", "2026-05-01T11:30:00Z"], 2, "100.3"),
                    (["--at", "0"], 0, "0"), (["--as-of", "2026-05-01T09:00:00Z"], 0, "0"),
                    (["--as-of", "2030-01-01T00:00:00Z"], 4, "50.3"), (["--at", "1"], 1, "100.1"),
                ]
                for (flags, version, balance) in past {
                    let arguments = ["streams", "show", "account-7", "--json"] + flags
                    let outcome = try await RefoldProcess.run(arguments, environment: site.environment)
                    #expect(outcome.code == 0, "\(outcome)")
                    let shown = try object(outcome.output)
                    #expect((shown["events"] as? [Any])?.count == version, "\(flags)")
                    #expect(shown["version"] as? Int == version)
                    #expect((shown["state"] as? [String: Any])?["balance"] as? String == balance)
                }
            }
        }

        @Test("show of a stream whose aggregate is not known has no state") func showsUnknown() async throws {
            try await TestSite.with { site in
                try await site.append("test.happened", "[1, 2]")
                let text = try await site.succeed("streams", "show", "test")
                #expect(text == "stream test\n1  2026-05-01T12:00:00Z  test.happened  [1, 2]\n")
                let shown = try object(try await site.succeed("streams", "show", "test", "--json"))
                #expect(shown["aggregate"] is NSNull)
                #expect(shown["state"] is NSNull)
            }
        }

        @Test("show says what is wrong") func refuses() async throws {
            try await TestSite.with { site in
                try await fill(site)
                let wrong: [([String], Int32, String)] = [
                    (["account-8"], 65, "there is no stream account-8"),
                    (["account-7", "--at", "5"], 65, "no version 5 — it stands at 4"),
                    (["account-7", "--at=-1"], 64, "not 0 or more"),
                    (["account-7", "--at", "1", "--as-of", "2026-05-01T12:00:00Z"], 64, "exclude each other"),
                    (["account-7", "--as-of", "noon"], 64, "no time"),
                    ([], 64, "stream"),
                ]
                for (flags, code, message) in wrong {
                    let outcome = try await RefoldProcess.run(
                        ["streams", "show"] + flags,
                        environment: site.environment
                    )
                    #expect(outcome.code == code, "\(flags): \(outcome)")
                    #expect(outcome.errors.contains(message), "\(flags): \(outcome)")
                    #expect(outcome.output.isEmpty)
                }
            }
        }

        @Test("An event that the aggregate cannot read is named, after all events were shown") func unreadable()
            async throws
        {
            try await TestSite.with { site in
                try await fill(site)
                try await site.connection.executeScript("UPDATE events SET event_data = '{}' WHERE stream_version = 2")
                for flags in [[], ["--json"]] {
                    let outcome = try await RefoldProcess.run(
                        ["streams", "show", "account-7"] + flags,
                        environment: site.environment
                    )
                    #expect(outcome.code == 65, "\(outcome)")
                    #expect(outcome.errors.contains("event 2 of stream account-7, a account.deposited"), "\(outcome)")
                    #expect(outcome.output.contains("account.painted"))
                    if flags == ["--json"] { #expect(try object(outcome.output)["state"] is NSNull) }
                }
            }
        }
    }
}
