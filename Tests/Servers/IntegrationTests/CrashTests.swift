import Glibc
import Postgres
import TestSupport
import Testing

extension BlackBox {
    @Suite("After SIGKILL") struct CrashTests {
        /// Many small windows, so that a random moment is often one that matters.
        private static let settings = ["engine.window-events": "700", "engine.window-time": "20ms"]

        /// Exactly-once, told by sums that every repeated or lost event changes.
        private func expectExactlyOnce(_ site: TestSite) async throws {
            let sums = try await site.connection.query(
                """
                SELECT (SELECT count(*) FROM events WHERE event_type = 'content.watched'),
                    (SELECT sum(total_views)::int8 FROM read_models.content_popularity),
                    (SELECT count(*) FROM events WHERE event_type = 'content.rated'),
                    (SELECT sum(rating_count)::int8 FROM read_models.content_popularity)
                """
            )
            #expect(try sums.int64(0, 0) == sums.int64(0, 1))
            #expect(try sums.int64(0, 2) == sums.int64(0, 3))
        }

        @Test("a rebuild goes on from its last commit, with the same result", arguments: ["64KiB", "512MiB"])
        func rebuildResumes(budget: String) async throws {
            try await TestSite.with(settings: Self.settings) { site in
                try await site.load(15_000)
                try await site.succeed("rebuild")
                let expected = try await site.digests()
                let small = site.with(["engine.memory-budget": budget])
                var killed = 0
                var delays: [Int] = []
                for round in 0..<25 {
                    let delay = Int.random(in: 1...(20 + round * 12))
                    delays.append(delay)
                    let code = try await small.running("rebuild") { process in
                        try await Task.sleep(for: .milliseconds(delay))
                        await process.send(SIGKILL)
                        let outcome = try await process.outcome()
                        // 75: the server has not noticed yet that the one before is gone.
                        #expect([-SIGKILL, 0, 75].contains(outcome.code), "\(outcome)")
                        return outcome.code
                    }
                    if code == -SIGKILL { killed += 1 }
                    // Readers have the old model or the new one, which are equal, all the while.
                    #expect(try await site.digests() == expected, "killed after \(delays) ms")
                }
                #expect(killed > 3)
                try await small.succeedSoon("rebuild")
                #expect(try await site.digests() == expected, "killed after \(delays) ms")
                try await site.expectReferenceFold()
                #expect(try await site.number("SELECT count(*) FROM refold.generations WHERE state = 'building'") == 0)
            }
        }

        @Test("a rebuild does not start over") func rebuildKeepsItsWork() async throws {
            try await TestSite.with(settings: Self.settings) { site in
                try await site.load(15_000)
                try await site.succeed("rebuild")
                try await site.running("rebuild") { process in
                    try await site.waitUntilBuilding(beyond: 3_000)
                    await process.send(SIGKILL)
                    _ = try await process.outcome()
                }
                let generations = try await site.number("SELECT max(generation) FROM refold.generations")
                try await site.succeedSoon("rebuild")
                #expect(try await site.number("SELECT max(generation) FROM refold.generations") == generations)
                try await site.expectReferenceFold()
            }
        }

        @Test("--fresh starts over, and --abandon drops what was half built") func rebuildStartsOver() async throws {
            try await TestSite.with(settings: Self.settings) { site in
                try await site.load(15_000)
                try await site.succeed("rebuild")
                for flag in ["--fresh", "--abandon"] {
                    try await site.running("rebuild") { process in
                        try await site.waitUntilBuilding()
                        await process.send(SIGKILL)
                        _ = try await process.outcome()
                    }
                    let live = try await site.liveGeneration("content_popularity")
                    try await site.succeedSoon("rebuild", flag)
                    #expect(
                        try await site.number("SELECT count(*) FROM refold.generations WHERE state = 'building'") == 0
                    )
                    #expect((try await site.liveGeneration("content_popularity") > live) == (flag == "--fresh"))
                }
                try await site.expectReferenceFold()
            }
        }

        @Test("the daemon loses nothing and repeats nothing") func daemonResumes() async throws {
            try await TestSite.with(settings: Self.settings) { site in
                for round in 1...12 {
                    try await site.load(1_500, seed: UInt64(round))
                    try await site.running("tail") { process in
                        try await Task.sleep(for: .milliseconds(Int.random(in: 1...(40 + round * 15))))
                        await process.send(SIGKILL)
                        let outcome = try await process.outcome()
                        #expect([-SIGKILL, 75].contains(outcome.code), "\(outcome)")
                    }
                }
                try await site.succeedSoon("tail", "--until-caught-up")
                try await expectExactlyOnce(site)
                try await site.expectReferenceFold()
                let tailed = try await site.digests()
                try await site.succeed("rebuild")
                #expect(try await site.digests() == tailed)
            }
        }
    }
}
