import Glibc
import Postgres
import TestSupport
import Testing

extension BlackBox {
    @Suite("A daemon that is stopped while it waits for the server")
    struct StoppingTests {
        /// Stops the daemon, which cannot commit, and expects its end in time and the truth about it.
        private func expectCutOff(_ daemon: ChildProcess) async throws {
            let start = ContinuousClock.now
            await daemon.send(SIGTERM)
            let outcome = try await daemon.outcome(within: .seconds(30))
            // Five seconds by its own clock; the rest is for a machine that is busy with something else.
            #expect(ContinuousClock.now - start < .seconds(15))
            #expect(outcome.code == 69, "\(outcome)")
            #expect(outcome.errors.contains("folded again from the last commit by the next start"), "\(outcome)")
            #expect(!outcome.errors.contains("everything is committed"), "\(outcome)")
        }

        @Test("behind a row lock ends within five seconds, and the next start folds what was not committed")
        func behindLock() async throws {
            try await TestSite.with { site in
                try await site.load(500)
                try await site.running("tail") { daemon in
                    try await site.waitUntilCaughtUp()
                    let blocker = try await PostgresConnection.connect(to: site.url)
                    try await blocker.executeScript("BEGIN; SELECT FROM refold.checkpoints FOR UPDATE")
                    try await site.load(500, seed: 2)
                    try await wait(for: "the daemon waits for the lock") {
                        try await site.number(
                            """
                            SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                               AND application_name LIKE 'refold %' AND wait_event_type = 'Lock'
                            """
                        ) > 0
                    }
                    try await expectCutOff(daemon)
                    // What it owned is free, although nobody can write that down in the checkpoint.
                    #expect(try await site.number("SELECT count(*) FROM refold.owners") == 0)
                    await blocker.close()
                }
                try await site.succeedSoon("tail", "--until-caught-up")
                try await site.expectReferenceFold()
            }
        }

        @Test("is not the only one: a rebuild frees what it had, and the next goes on at once") func rebuild()
            async throws
        {
            try await TestSite.with(settings: ["engine.window-events": "500"]) { site in
                try await site.load(60_000)
                try await site.running("rebuild", "--until", "59000") { rebuild in
                    try await site.waitUntilBuilding(beyond: 1_000)
                    await rebuild.send(SIGTERM)
                    let outcome = try await rebuild.outcome(within: .seconds(30))
                    #expect(outcome.code == 69, "\(outcome)")
                    #expect(outcome.errors.contains("the next rebuild resumes from the last commit"), "\(outcome)")
                }
                #expect(try await site.number("SELECT count(*) FROM refold.owners") == 0)
                try await site.succeed("rebuild")
                let projections = try await site.projectionCount()
                #expect(try await site.number("SELECT count(*) FROM refold.generations") == projections)
                try await site.expectReferenceFold()
            }
        }

        @Test("is not the only one: what cannot get on is given up in time") func reset() async throws {
            try await TestSite.with { site in
                try await site.load(500)
                try await site.succeed("rebuild")
                let blocker = try await PostgresConnection.connect(to: site.url)
                try await blocker.executeScript("BEGIN; SELECT FROM refold.projections FOR UPDATE")
                try await site.running("reset", "user_profiles", "--yes") { reset in
                    try await wait(for: "the reset waits for the lock") {
                        try await site.number(
                            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'refold reset' AND wait_event_type = 'Lock'"
                        ) > 0
                    }
                    try await wait(for: "the holder to be named") {
                        reset.errors.contains("a lock that pid \(blocker.backendPID)")
                    }
                    let start = ContinuousClock.now
                    await reset.send(SIGTERM)
                    let outcome = try await reset.outcome(within: .seconds(30))
                    #expect(ContinuousClock.now - start < .seconds(15))
                    #expect(outcome.code == 69 && outcome.errors.contains("before it was done"), "\(outcome)")
                }
                await blocker.close()
                #expect(try await site.number("SELECT count(*) FROM refold.owners") == 0)
                try await site.expectReferenceFold()
            }
        }

        @Test("whose backends are frozen ends within five seconds as well") func frozen() async throws {
            try await PrivatePostgres.with { server in
                let site = try await TestSite(url: server.url)
                try await site.succeed("migrate")
                try await site.load(500)
                try await site.running("tail") { daemon in
                    try await site.waitUntilCaughtUp()
                    let pids = try await site.connection.query(
                        "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'refold %'"
                    ).rows.map { try $0.int32(0) }
                    #expect(!pids.isEmpty)
                    for pid in pids { kill(pid, SIGSTOP) }
                    defer { for pid in pids { kill(pid, SIGCONT) } }
                    try await expectCutOff(daemon)
                }
                try await site.succeedSoon("tail", "--until-caught-up")
                try await site.expectReferenceFold()
                await site.connection.close()
            }
        }
    }
}
