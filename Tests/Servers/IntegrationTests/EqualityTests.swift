import Postgres
import TestSupport
import Testing

extension BlackBox {
    @Suite("The read models") struct EqualityTests {
        @Test("equal an independent plain fold of a log with every edge", arguments: ["json", "jsonb"])
        func equalAReferenceFold(payload: String) async throws {
            try await TestSite.with(payload: payload) { site in
                try await site.load(5_000)
                try await site.succeed("rebuild")
                try await site.expectReferenceFold()
            }
        }

        @Test("decay with the half-life of the settings, and a changed one asks for a rebuild") func decay()
            async throws
        {
            try await TestSite.with(settings: ["projections.trending_score.half-life": "1h"]) { site in
                try await site.load(1_000)
                try await site.succeed("rebuild")
                try await site.expectReferenceFold(halfLife: 3_600)
                let other = site.with(["projections.trending_score.half-life": "7d"])
                let refused = try await other.refold("tail", "trending_score", "--until-caught-up")
                #expect(refused.code == 65 && refused.errors.contains("rebuild"), "\(refused)")
                try await other.succeed("rebuild")
                try await site.expectReferenceFold(halfLife: 7 * 86_400)
            }
        }

        @Test("are byte-equal for every batch size and memory budget") func areByteEqual() async throws {
            try await TestSite.with(settings: ["engine.window-time": "50ms"]) { site in
                try await site.load(3_000)
                try await site.succeed("rebuild")
                let expected = try await site.digests()
                try await site.expectReferenceFold()
                for budget in ["64KiB", "1MiB", "512MiB"] {
                    for batch in ["1", "7", "100", "10000"] {
                        let other = site.with(["engine.batch-size": batch, "engine.memory-budget": budget])
                        try await other.succeed("rebuild", "--fresh")
                        #expect(try await site.digests() == expected, "batches of \(batch), \(budget)")
                    }
                }
            }
        }

        @Test("are byte-equal for every commit window") func areByteEqualForWindows() async throws {
            try await TestSite.with { site in
                try await site.load(2_000)
                try await site.succeed("rebuild")
                let expected = try await site.digests()
                for events in ["1", "150", "1000000"] {
                    for budget in ["64KiB", "512MiB"] {
                        let other = site.with(["engine.window-events": events, "engine.memory-budget": budget])
                        try await other.succeed("rebuild", "--fresh")
                        #expect(try await site.digests() == expected, "windows of \(events) events, \(budget)")
                    }
                }
            }
        }

        @Test("that a rebuild makes are those that tailing made", arguments: ["64KiB", "512MiB"])
        func rebuildEqualsTail(budget: String) async throws {
            try await TestSite.with(settings: ["engine.memory-budget": budget]) { site in
                for seed in 1...3 as ClosedRange<UInt64> {
                    try await site.load(800, seed: seed)
                    try await site.succeed("tail", "--until-caught-up")
                }
                let tailed = try await site.digests()
                let generation = try await site.liveGeneration("content_popularity")
                try await site.succeed("rebuild")
                #expect(try await site.liveGeneration("content_popularity") > generation)
                #expect(try await site.digests() == tailed)
                try await site.expectReferenceFold()
                // What was rebuilt goes on as what was tailed would have.
                try await site.load(800, seed: 4)
                try await site.succeed("tail", "--until-caught-up")
                try await site.expectReferenceFold()
            }
        }

        @Test("are not shown while a rebuild stands at the position it was given, and then go on from there")
        func rebuildUntil() async throws {
            try await TestSite.with { site in
                try await site.load(1_000)
                try await site.succeed("tail", "--until-caught-up")
                let before = try await site.digests()
                try await site.succeed("rebuild", "--until", "400")
                #expect(try await site.digests() == before)
                let built = try await site.connection.query(
                    """
                    SELECT generation::int8 FROM refold.generations JOIN refold.checkpoints USING (generation)
                    WHERE state = 'building' AND position = 400 ORDER BY projection
                    """
                )
                #expect(try await site.projectionCount() == Int64(built.count))
                try await site.succeed("rebuild")
                let live = try await site.connection.query("SELECT live FROM refold.projections ORDER BY name")
                #expect(try live.rows.map { try $0.int64(0) } == built.rows.map { try $0.int64(0) })
                #expect(try await site.digests() == before)
            }
        }
    }
}
