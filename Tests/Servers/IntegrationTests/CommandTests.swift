import EventStore
import Foundation
import Postgres
import SampleLog
import TestSupport
import Testing

extension BlackBox {
    @Suite("The command line") struct CommandTests {
        @Test("migrates once, however often and by however many it is asked") func migratesOnce() async throws {
            try await TestDatabase.with { database in
                let site = try await TestSite(url: database.url)
                let codes = try await withThrowingTaskGroup(of: ChildProcess.Outcome.self) { group in
                    for _ in 0..<4 { group.addTask { try await site.refold("migrate") } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                for outcome in codes { #expect(outcome.code == 0, "\(outcome)") }
                try await site.load(300)
                try await site.succeed("rebuild")
                let before = try await site.digests()
                try await site.succeed("migrate", "--json")
                #expect(try await site.digests() == before)
                try await site.expectReferenceFold()
                await site.connection.close()
            }
        }

        @Test("generates the same log as the module does, and continues it") func generates() async throws {
            try await TestSite.with { site in
                try await site.succeed("generate", "--events", "1500", "--seed", "9")
                let generated = try await site.connection.query(
                    "SELECT event_id::text, event_data::text FROM events ORDER BY global_position"
                )
                let expected = SampleLog(events: 1_500, seed: 9).makeEvents().map { event in
                    [event.id.description, String(decoding: event.payload, as: UTF8.self)]
                }
                #expect(try generated.rows.map { [try $0.text(0), try $0.text(1)] } == expected)
                try await site.succeed("generate", "--events", "500", "--users", "20", "--contents", "20")
                #expect(try await site.number("SELECT count(*) FROM events") == 2_000)
                try await site.succeed(
                    "generate",
                    "--live",
                    "--writers",
                    "3",
                    "--rate",
                    "100",
                    "--rollback",
                    "0.2",
                    "--for",
                    "1s"
                )
                #expect(try await site.number("SELECT count(*) FROM events") > 2_000)
                try await site.succeed("rebuild")
                try await site.expectReferenceFold()
            }
        }

        @Test("tells the status: positions, lag, state, batch size") func tellsTheStatus() async throws {
            try await TestSite.with { site in
                try await site.load(400)
                try await site.succeed("rebuild")
                try await site.load(100, seed: 2)
                let status = try await site.status()
                let store = try #require(status["store"] as? [String: Any])
                #expect(store["position"] as? Int == 500)
                #expect(store["batch_size"] as? Int == 100)
                #expect(store["payload"] as? String == "json")
                for name in ReadModelViews.names {
                    let projection = try await site.status(of: name)
                    #expect(projection["position"] as? Int == 400, "\(projection)")
                    #expect(projection["lag_events"] as? Int == 100, "\(projection)")
                    #expect(projection["dead_letters"] as? Int == 0, "\(projection)")
                    #expect(projection["live_generation"] as? Int == Int(try await site.liveGeneration(name)))
                }
                try await site.running("tail") { daemon in
                    try await site.waitUntilCaughtUp()
                    let tailing = try await site.status(of: "user_profiles")
                    #expect(tailing["lag_events"] as? Int == 0, "\(tailing)")
                    #expect(tailing["state"] as? String == "live" || tailing["state"] as? String == "tailing")
                    #expect((tailing["owner"] as? [String: Any])?["pid"] as? Int == Int(daemon.id))
                }
                let text = try await site.succeed("status")
                for name in ReadModelViews.names { #expect(text.contains(name)) }
            }
        }

        @Test("shows a row with its source") func shows() async throws {
            try await TestSite.with { site in
                try await site.load(400)
                try await site.succeed("rebuild")
                let user = try await site.connection.query("SELECT user_id FROM read_models.user_profiles LIMIT 1")
                let text = try await site.succeed("show", "user_profiles", try user.text(0, 0), "--json")
                let shown = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
                #expect(shown["source"] as? String == "database")
                #expect(shown["generation"] as? Int == Int(try await site.liveGeneration("user_profiles")))
                let row = try #require(shown["row"] as? [String: Any])
                #expect(row["user_id"] as? String == (try user.text(0, 0)))
                #expect(row.keys.count == 10 || row.keys.count == 11)
            }
        }

        @Test("says what a rebuild would do, and does nothing, with --dry-run") func dryRun() async throws {
            try await TestSite.with { site in
                try await site.load(400)
                try await site.succeed("rebuild")
                let generations = try await site.number("SELECT max(generation) FROM refold.generations")
                let plan = try await site.succeed("rebuild", "--dry-run")
                #expect(plan.contains("content.watched") && plan.contains("user_profiles"), "\(plan)")
                #expect(try await site.number("SELECT max(generation) FROM refold.generations") == generations)
            }
        }

        @Test("is silent with --quiet, and gives JSON with --json") func isQuiet() async throws {
            try await TestSite.with { site in
                try await site.load(400)
                let quiet = try await site.refold("rebuild", "--quiet")
                #expect(quiet.code == 0 && quiet.output.isEmpty && quiet.errors.isEmpty, "\(quiet)")
                let json = try await site.refold("rebuild", "--json")
                #expect(json.code == 0)
                #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(json.output.utf8)) }
                let generations = try await site.succeed("generations", "--json")
                #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(generations.utf8)) }
            }
        }

        @Test("rebuilds and tails an empty store") func copesWithNothing() async throws {
            try await TestSite.with { site in
                try await site.succeed("rebuild")
                try await site.succeed("tail", "--until-caught-up")
                #expect(try await site.number("SELECT count(*) FROM read_models.content_popularity") == 0)
                try await site.load(300)
                try await site.succeed("tail", "--until-caught-up")
                try await site.expectReferenceFold()
            }
        }

        @Test("finds that all is well, and what is not, with doctor") func doctor() async throws {
            try await TestSite.with { site in
                try await site.succeed("doctor")
                let json = try await site.succeed("doctor", "--json")
                #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(json.utf8)) }
                try await site.connection.executeScript("ALTER SEQUENCE events_global_position_seq CACHE 20")
                let cached = try await site.refold("doctor")
                #expect(cached.code == 78 && cached.description.contains("CACHE"), "\(cached)")
            }
        }
    }
}
