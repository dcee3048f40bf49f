import Glibc
import Postgres
import TestSupport
import Testing

extension BlackBox {
    @Suite("A rebuild that is overtaken") struct RacingTests {
        private static let settings = ["engine.window-events": "500", "engine.window-time": "10ms"]

        @Test(
            "by a move of the pointer keeps what it folded as ready, and the next run only points",
            arguments: [
                ["reset", "content_popularity", "--yes"], ["rollback", "content_popularity", "--now", "--yes"],
            ]
        )
        func isKept(move: [String]) async throws {
            try await TestSite.with(settings: Self.settings) { site in
                try await site.load(12_000)
                try await site.succeed("rebuild")
                try await site.succeed("rebuild")
                try await site.running("rebuild", "content_popularity") { rebuild in
                    try await site.waitUntilBuilding(beyond: 1_000)
                    await rebuild.send(SIGSTOP)
                    let moved = try await RefoldProcess.run(move, environment: site.environment)
                    #expect(moved.code == 0, "\(moved)")
                    await rebuild.send(SIGCONT)
                    let outcome = try await rebuild.outcome()
                    #expect(outcome.code == 75, "\(outcome)")
                }
                let ready = try await site.connection.query(
                    "SELECT generation::int8 FROM refold.generations WHERE state = 'ready'"
                )
                try #require(ready.count == 1)
                try await site.succeed("rebuild", "content_popularity")
                #expect(try await site.liveGeneration("content_popularity") == ready.int64(0, 0))
                try await site.succeed("tail", "--until-caught-up")
                try await site.expectReferenceFold()
            }
        }

        @Test("by a second one: the second finds the first at work and exits 75 at once") func isAlone() async throws {
            try await TestSite.with(settings: Self.settings) { site in
                try await site.load(12_000)
                try await site.succeed("rebuild")
                try await site.running("rebuild") { first in
                    try await site.waitUntilBuilding(beyond: 1_000)
                    await first.send(SIGSTOP)
                    for flags in [["rebuild"], ["rebuild", "--fresh"], ["rebuild", "--abandon"]] {
                        let second = try await RefoldProcess.run(
                            flags,
                            environment: site.environment,
                            within: .seconds(30)
                        )
                        #expect(second.code == 75, "\(flags): \(second)")
                        #expect(second.errors.contains("\(first.id)"), "no pid: \(second)")
                    }
                    await first.send(SIGCONT)
                    let outcome = try await first.outcome()
                    #expect(outcome.code == 0, "\(outcome)")
                }
                try await site.expectReferenceFold()
            }
        }

        @Test("by one with other settings: what the first builds is not dropped under it") func otherSettings()
            async throws
        {
            try await TestSite.with(settings: Self.settings) { site in
                try await site.load(12_000)
                try await site.succeed("rebuild")
                try await site.running("rebuild", "trending_score") { first in
                    try await site.waitUntilBuilding(beyond: 1_000)
                    await first.send(SIGSTOP)
                    let other = site.with(["projections.trending_score.half-life": "1h"])
                    let second = try await other.refold("rebuild", "trending_score")
                    #expect(second.code == 75 && second.errors.contains("\(first.id)"), "\(second)")
                    await first.send(SIGCONT)
                    let outcome = try await first.outcome()
                    #expect(outcome.code == 0, "\(outcome)")
                }
                try await site.expectReferenceFold()
            }
        }

        @Test("by others all at once: one wins, the rest exit 75, the models are right") func manyAtOnce() async throws
        {
            try await TestSite.with { site in
                try await site.load(3_000)
                let codes = try await withThrowingTaskGroup(of: Int32.self) { group in
                    for _ in 0..<4 { group.addTask { try await site.refold("rebuild", "trending_score").code } }
                    return try await group.reduce(into: [Int32]()) { $0.append($1) }
                }
                #expect(codes.contains(0))
                #expect(codes.allSatisfy { $0 == 0 || $0 == 75 }, "\(codes)")
                try await site.succeed("rebuild")
                try await site.expectReferenceFold()
            }
        }

        @Test("by rollback afterwards: the kept generation is brought to the same position first") func rollsBack()
            async throws
        {
            try await TestSite.with { site in
                try await site.load(1_000)
                try await site.succeed("rebuild")
                let first = try await site.liveGeneration("trending_score")
                try await site.load(500, seed: 2)
                try await site.succeed("rebuild")
                let digests = try await site.digests()
                try await site.succeed("rollback", "trending_score", "--yes")
                #expect(try await site.liveGeneration("trending_score") == first)
                #expect(try await site.digests() == digests)
                try await site.load(500, seed: 3)
                try await site.succeed("tail", "--until-caught-up")
                try await site.expectReferenceFold()
            }
        }
    }
}
