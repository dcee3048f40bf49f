import Postgres
import TestSupport
import Testing

extension BlackBox {
    @Suite("A poison event") struct PoisonTests {
        /// Only content_popularity reads titles.
        private static let poison =
            #"{"user_id":"u","content_id":"c","watch_duration_seconds":1,"completion_percentage":1,"title":5}"#

        @Test("stops its own projection in front of it, and no other") func stops() async throws {
            try await TestSite.with { site in
                try await site.load(700)
                let position = try await site.append("content.watched", Self.poison)
                try await site.load(700, seed: 2)
                let outcome = try await site.refold("tail", "--until-caught-up")
                #expect(outcome.code == 65, "\(outcome)")
                #expect(outcome.errors.contains("content_popularity") && outcome.errors.contains("\(position)"))
                #expect(outcome.errors.contains("title"), "\(outcome)")
                try await site.waitUntilCaughtUp("user_profiles")
                try await site.waitUntilCaughtUp("trending_score")
                let stopped = try await site.status(of: "content_popularity")
                #expect(stopped["state"] as? String == "stopped")
                #expect(stopped["position"] as? Int == Int(position) - 1)
                #expect("\(stopped["last_error"] ?? "")".contains("title"), "\(stopped)")
                let views = try await site.number(
                    "SELECT count(*) FROM events WHERE event_type = 'content.watched' AND global_position < $1",
                    [.int64(position)]
                )
                #expect(
                    try await site.number("SELECT sum(total_views)::int8 FROM read_models.content_popularity") == views
                )

                // A daemon goes on with the others too.
                try await site.running("tail") { daemon in
                    try await site.load(300, seed: 3)
                    try await site.waitUntilCaughtUp("user_profiles")
                    #expect(await daemon.isRunning)
                }
                // The remedy that the message names takes effect with the next start.
                #expect(outcome.errors.contains("projections.content_popularity.policy"), "\(outcome)")
                let skipping = site.with(["projections.content_popularity.policy": "skip"])
                try await skipping.succeed("tail", "--until-caught-up")
                try await site.waitUntilCaughtUp("content_popularity")
                #expect(try await site.number("SELECT count(*) FROM refold.dead_letters") == 1)
                try await site.expectReferenceFold(refused: [position])
            }
        }

        @Test("is set aside with all that is needed to mend it, by policy", arguments: ["tail", "rebuild"])
        func isSetAside(command: String) async throws {
            let settings = ["projections.content_popularity.policy": "skip", "engine.window-events": "300"]
            try await TestSite.with(settings: settings) { site in
                try await site.load(500)
                let position = try await site.append("content.watched", Self.poison)
                try await site.load(500, seed: 2)
                try await site.succeed(command, command == "tail" ? "--until-caught-up" : "--quiet")
                let letters = try await site.connection.query(
                    """
                    SELECT d.projection, d.position::int8, d.event_type, d.error, d.event_id = e.event_id,
                        d.occurred_at IS NOT NULL
                    FROM refold.dead_letters d LEFT JOIN events e ON e.global_position = d.position
                    """
                )
                try #require(letters.count == 1)
                #expect(try letters.text(0, 0) == "content_popularity")
                #expect(try letters.int64(0, 1) == position)
                #expect(try letters.text(0, 2) == "content.watched")
                #expect(try letters.text(0, 3).contains("title"))
                #expect(try letters.bool(0, 4) && letters.bool(0, 5))
                #expect(try await site.status(of: "content_popularity")["dead_letters"] as? Int == 1)
                try await site.expectReferenceFold(refused: [position])
            }
        }

        @Test("stops a rebuild with exit code 65, and readers keep the old model") func stopsARebuild() async throws {
            try await TestSite.with { site in
                try await site.load(500)
                try await site.succeed("rebuild")
                let position = try await site.append("content.watched", Self.poison)
                let before = try await site.digests()
                let outcome = try await site.refold("rebuild", "content_popularity")
                #expect(outcome.code == 65 && outcome.errors.contains("\(position)"), "\(outcome)")
                #expect(try await site.digests() == before)
                try await site.succeed("rebuild", "user_profiles", "trending_score")
                // Mended, it goes on.
                try await site.connection.execute(
                    "UPDATE events SET event_data = $1 WHERE global_position = $2",
                    [
                        .json(
                            #"{"user_id":"u","content_id":"c","watch_duration_seconds":1,"completion_percentage":1}"#
                        ),
                        .int64(position),
                    ]
                )
                try await site.succeed("rebuild", "content_popularity")
                try await site.expectReferenceFold()
            }
        }
    }
}
