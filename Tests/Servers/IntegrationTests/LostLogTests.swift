import Postgres
import TestSupport
import Testing

extension BlackBox {
    @Suite("A log that is not what it was") struct LostLogTests {
        /// Takes the last events away and sets the sequence back, as a restored backup does.
        private func lose(_ count: Int64, of site: TestSite) async throws {
            try await site.connection.execute(
                "DELETE FROM events WHERE global_position > (SELECT max(global_position) FROM events) - $1",
                [.int64(count)]
            )
            _ = try await site.connection.query(
                "SELECT setval('events_global_position_seq', (SELECT max(global_position) FROM events))"
            )
        }

        private func checkpoints(_ site: TestSite) async throws -> [String] {
            try await site.connection.query(
                "SELECT generation || ' ' || position FROM refold.checkpoints ORDER BY generation"
            ).rows.map { try $0.text(0) }
        }

        @Test(
            "is not adopted before something was folded from it: a rebuild that ends half-way leaves all the evidence"
        )
        func adoptsNothingEarly() async throws {
            try await TestSite.with(settings: ["store.sweep-delays": "1s,2s"]) { site in
                try await site.load(300)
                for _ in 0..<2 { try await site.succeed("rebuild") }
                try await site.load(100, seed: 2)
                try await site.succeed("tail", "--until-caught-up")
                let (before, digests) = (try await checkpoints(site), try await site.digests())
                try await lose(50, of: site)
                // Stops in the middle, as one that is killed.
                try await site.succeed("rebuild", "--fresh", "--until", "100")
                #expect(try await checkpoints(site).filter { before.contains($0) } == before, "none is set back")
                for command in [
                    ["tail", "--until-caught-up"], ["doctor"], ["rollback", "user_profiles", "--now", "--yes"],
                    ["reset", "user_profiles", "--yes"],
                ]
                    as [[String]]
                {
                    let outcome = try await RefoldProcess.run(command, environment: site.environment)
                    #expect(outcome.code == 65, "\(command): \(outcome)")
                }
                let status = try await site.refold("status", "--json")
                #expect(status.code == 65 && status.output.contains("rebuild --fresh"), "\(status)")
                // The log grows past where it was: other events stand at the positions that were folded.
                try await site.load(200, seed: 3)
                let tail = try await site.refold("tail", "--until-caught-up")
                #expect(tail.code == 65, "\(tail)")
                #expect(try await site.digests() == digests)
                try await site.succeed("rebuild", "--fresh")
                try await site.expectReferenceFold()
                try await site.load(100, seed: 4)
                try await site.succeed("tail", "--until-caught-up")
                try await site.expectReferenceFold()
                let rollback = try await site.refold("rollback", "user_profiles", "--yes")
                #expect(rollback.code == 65, "the kept generation is of the lost log: \(rollback)")
                #expect(try await site.refold("doctor").code == 0)
            }
        }

        @Test("is rebuilt under a daemon's commits without anything having two effects") func freshBesideADaemon()
            async throws
        {
            try await TestSite.with { site in
                try await site.load(2_000)
                try await site.running("tail") { daemon in
                    try await site.waitUntilCaughtUp()
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask {
                            for seed in 10..<40 as Range<UInt64> { try await site.load(100, seed: seed) }
                        }
                        for _ in 0..<4 { try await site.succeed("rebuild", "--fresh") }
                        try await group.waitForAll()
                    }
                    try await site.waitUntilCaughtUp()
                    #expect(await daemon.isRunning)
                    try await site.expectReferenceFold()
                }
            }
        }

        @Test("because its beginning was deleted: tailing goes on, a rebuild asks") func retention() async throws {
            try await TestSite.with { site in
                try await site.load(400)
                try await site.succeed("rebuild")
                try await site.connection.execute("DELETE FROM events WHERE global_position <= 100")
                try await site.load(100, seed: 2)
                try await site.succeed("tail", "--until-caught-up")
                let live = try await site.liveGeneration("user_profiles")
                let digests = try await site.digests()
                let refused = try await site.refold("rebuild")
                #expect(refused.code == 65 && refused.errors.contains("--accept-shortened-log"), "\(refused)")
                #expect(refused.errors.contains("position 101") && refused.errors.contains("position 1 "), "\(refused)")
                let reset = try await site.refold("reset", "user_profiles", "--yes")
                #expect(reset.code == 65 && reset.errors.contains("--accept-shortened-log"), "\(reset)")
                #expect(try await site.liveGeneration("user_profiles") == live)
                #expect(try await site.digests() == digests)
                try await site.succeed("reset", "user_profiles", "--yes", "--accept-shortened-log")
                try await site.succeed("rebuild", "--accept-shortened-log")
                try await site.expectReferenceFold()
                // What is missing now was missing when this generation was begun.
                try await site.succeed("rebuild")
                try await site.connection.execute("DELETE FROM events WHERE global_position <= 200")
                #expect(try await site.refold("rebuild").code == 65)
                try await site.with(["store.accept-shortened-log": "true"]).succeed("rebuild")
                try await site.expectReferenceFold()
            }
        }

        @Test("because one event was erased, or all of them: nothing stops") func erasure() async throws {
            try await TestSite.with { site in
                try await site.load(200)
                try await site.succeed("tail", "--until-caught-up")
                try await site.connection.execute("DELETE FROM events WHERE global_position = 200")
                try await site.load(10, seed: 2)
                try await site.succeed("tail", "--until-caught-up")
                try await site.connection.execute("DELETE FROM events")
                try await site.succeed("tail", "--until-caught-up")
                try await site.load(10, seed: 3)
                try await site.succeed("tail", "--until-caught-up")
                #expect(try await site.number("SELECT min(position) FROM refold.checkpoints") == 220)
            }
        }
    }
}
