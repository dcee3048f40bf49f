import Glibc
import Postgres
import TestSupport
import Testing

extension BlackBox {
    @Suite("Ownership") struct OwnershipTests {
        @Test("is exclusive: who would catch up once beside a daemon exits 75 at once and names it") func isExclusive()
            async throws
        {
            try await TestSite.with { site in
                try await site.load(500)
                try await site.running("tail") { first in
                    try await site.waitUntilCaughtUp()
                    let second = try await site.refold("tail", "--until-caught-up", within: .seconds(30))
                    #expect(second.code == 75 && second.errors.contains("\(first.id)"), "\(second)")
                    let owner = try await site.status(of: "trending_score")["owner"] as? [String: Any]
                    #expect(owner?["pid"] as? Int == Int(first.id))
                    await first.send(SIGKILL)
                    _ = try await first.outcome()
                }
                try await site.load(500, seed: 2)
                try await site.succeedSoon("tail", "--until-caught-up")
                try await site.expectReferenceFold()
            }
        }

        @Test("ends cleanly on a signal, within five seconds, with everything committed", arguments: [SIGTERM, SIGINT])
        func endsCleanly(signal: Int32) async throws {
            try await TestSite.with { site in
                try await site.load(20_000)
                for _ in 0..<3 {
                    try await site.running("tail") { daemon in
                        try await wait(for: "the daemon owns something") {
                            try await site.number(
                                "SELECT count(*) FROM refold.checkpoints c JOIN refold.owners o ON o.id = c.owner WHERE o.pid = $1",
                                [.int64(Int64(daemon.id))]
                            ) > 0
                        }
                        await daemon.send(signal)
                        let outcome = try await daemon.outcome(within: .seconds(20))
                        #expect(outcome.code == 0, "\(outcome)")
                    }
                }
                try await site.succeed("tail", "--until-caught-up")
                try await site.expectReferenceFold()
            }
        }

        @Test("lost while paused: the old owner writes nothing more, and every event has one effect") func isFenced()
            async throws
        {
            try await TestSite.with { site in
                try await site.load(1_000)
                try await site.running("tail") { old in
                    try await site.waitUntilCaughtUp()
                    await old.send(SIGSTOP)
                    try await site.load(1_000, seed: 2)
                    // Its sessions are gone, as after a broken network, but it does not know yet.
                    try await site.connection.execute(
                        """
                        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                        WHERE datname = current_database() AND pid <> pg_backend_pid()
                        """
                    )
                    try await site.running("tail") { new in
                        try await site.waitUntilCaughtUp()
                        await old.send(SIGCONT)
                        for seed in 3...6 as ClosedRange<UInt64> {
                            try await site.load(300, seed: seed)
                            try await site.waitUntilCaughtUp()
                        }
                        #expect(await new.isRunning)
                        // The old one is a member again, and may be given its share back.
                        try await wait(for: "one owner") {
                            let owner = try await site.status(of: "content_popularity")["owner"] as? [String: Any]
                            return owner?["pid"] as? Int == Int(new.id) || owner?["pid"] as? Int == Int(old.id)
                        }
                        try await site.expectReferenceFold()
                    }
                }
            }
        }

        @Test("of a generation that a daemon has left is free, although the session was gone that should free it")
        func isFreed() async throws {
            try await TestSite.with { site in
                try await site.load(1_000)
                try await site.running("tail") { daemon in
                    try await site.waitUntilCaughtUp()
                    let left = try await site.liveGeneration("user_profiles")
                    await daemon.send(SIGSTOP)
                    try await site.succeed("rebuild", "user_profiles")
                    try await site.connection.execute(
                        """
                        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                        WHERE datname = current_database() AND pid <> pg_backend_pid()
                        """
                    )
                    await daemon.send(SIGCONT)
                    try await wait(for: "generation \(left) to be free") {
                        try await site.number(
                            "SELECT count(*) FROM refold.checkpoints WHERE generation = $1 AND owner IS NOT NULL",
                            [.int64(left)]
                        ) == 0
                    }
                    try await site.succeed("rollback", "user_profiles", "--yes")
                    #expect(try await site.liveGeneration("user_profiles") == left)
                    try await site.load(500, seed: 2)
                    try await site.waitUntilCaughtUp()
                    try await site.expectReferenceFold()
                }
            }
        }

        @Test(
            "of a damaged generation ends with it; the daemon starts, and the others go on",
            arguments: [
                "DROP TABLE refold_data.user_profiles_g%", "DELETE FROM refold.checkpoints WHERE generation = %",
            ]
        )
        func ofADamagedGeneration(damage: String) async throws {
            try await TestSite.with { site in
                try await site.load(1_000)
                try await site.succeed("rebuild")
                let live = try await site.liveGeneration("user_profiles")
                try await site.connection.executeScript(damage.replacing("%", with: "\(live)"))
                try await site.load(500, seed: 2)
                try await site.running("tail") { daemon in
                    for other in ["content_popularity", "trending_score"] { try await site.waitUntilCaughtUp(other) }
                    #expect(await daemon.isRunning)
                    try await wait(for: "the log to tell of it") { daemon.errors.contains("user_profiles") }
                    try await site.succeed("rebuild", "user_profiles")
                    try await site.waitUntilCaughtUp("user_profiles")
                }
                try await site.expectReferenceFold()
            }
        }

        @Test(
            "of a generation that is reset passes to the new one: the daemon notices and goes on",
            arguments: [
                "content_popularity", "user_profiles",
            ]
        )
        func followsAReset(projection: String) async throws {
            try await TestSite.with { site in
                try await site.load(2_000)
                try await site.running("tail") { daemon in
                    try await site.waitUntilCaughtUp()
                    let generation = try await site.liveGeneration(projection)
                    let others = try await site.liveGeneration("trending_score")
                    try await site.succeed("reset", projection, "--yes")
                    #expect(try await site.liveGeneration(projection) > generation)
                    try await site.load(500, seed: 2)
                    try await site.waitUntilCaughtUp()
                    #expect(try await site.liveGeneration("trending_score") == others)
                    #expect(await daemon.isRunning)
                    try await site.expectReferenceFold()
                }
            }
        }
    }
}
