import Glibc
import Postgres
import TestSupport
import Testing

extension BlackBox {
    /// Nothing fails in these, so nobody would be told.
    @Suite("A server that does not answer for a while is told of")
    struct SilenceTests {
        private func expectCause(_ site: TestSite, _ daemon: ChildProcess, _ parts: String...) async throws {
            try await wait(for: "status to say \(parts)") {
                let cause = try await site.status(of: "user_profiles")["cause"] as? String ?? ""
                return parts.allSatisfy { cause.contains($0) }
            }
            try await wait(for: "the log to say \(parts)") {
                parts.allSatisfy { daemon.errors.contains($0) }
            }
        }

        private func expectNoCause(_ site: TestSite) async throws {
            try await site.waitUntilCaughtUp()
            try await wait(for: "status to say nothing any more") {
                try await site.status(of: "user_profiles")["cause"] as? String == nil
            }
        }

        @Test("A lock that somebody has, with its holder") func lock() async throws {
            try await TestSite.with { site in
                try await site.load(500)
                try await site.running("tail") { daemon in
                    try await site.waitUntilCaughtUp()
                    let options = PostgresOptions(applicationName: "somebody's console")
                    let blocker = try await PostgresConnection.connect(to: site.url, options)
                    try await blocker.executeScript("BEGIN; SELECT FROM refold.checkpoints FOR UPDATE")
                    try await site.load(500, seed: 2)
                    try await expectCause(site, daemon, "lock", "pid \(blocker.backendPID) (somebody's console) has")
                    await blocker.close()
                    try await expectNoCause(site)
                    try await site.expectReferenceFold()
                }
            }
        }

        @Test("A lock that keeps status or doctor waiting", arguments: ["status", "doctor"])
        func lookedAt(command: String) async throws {
            try await TestSite.with { site in
                try await site.load(500)
                try await site.succeed("rebuild")
                let blocker = try await PostgresConnection.connect(to: site.url)
                try await blocker.executeScript("BEGIN; LOCK TABLE refold.projections")
                try await site.running(command, "--json") { waiting in
                    try await wait(for: "it to name the holder") {
                        waiting.errors.contains("a lock that pid \(blocker.backendPID)")
                    }
                    await blocker.close()
                    let outcome = try await waiting.outcome()
                    #expect(outcome.code == 0, "\(outcome)")
                }
            }
        }

        @Test("A lock on the lease itself: the log says what status cannot") func lockedLease() async throws {
            try await TestSite.with { site in
                try await site.load(500)
                try await site.running("tail") { daemon in
                    try await site.waitUntilCaughtUp()
                    let blocker = try await PostgresConnection.connect(to: site.url)
                    try await blocker.executeScript(
                        "BEGIN; SELECT FROM refold.owners FOR UPDATE; SELECT FROM refold.checkpoints FOR UPDATE"
                    )
                    try await site.load(500, seed: 2)
                    try await wait(for: "the log to name the holder") {
                        daemon.errors.contains("session=user_profiles")
                            && daemon.errors.contains("a lock that pid \(blocker.backendPID)")
                    }
                    await blocker.close()
                    try await expectNoCause(site)
                }
            }
        }

        @Test("A checkpoint that is locked when a daemon starts; the others do not wait for it") func lockedAtStart()
            async throws
        {
            try await TestSite.with(settings: ["database.retry-limit": "3s"]) { site in
                try await site.load(500)
                try await site.succeed("rebuild")
                let blocker = try await PostgresConnection.connect(to: site.url)
                let generation = try await site.liveGeneration("user_profiles")
                try await blocker.executeScript(
                    "BEGIN; SELECT FROM refold.checkpoints WHERE generation = \(generation) FOR UPDATE"
                )
                try await site.load(500, seed: 2)
                let once = try await site.refold("tail", "--until-caught-up")
                #expect(once.code == 69 && once.errors.contains("is locked, and not by its owner"), "\(once)")
                try await site.running("tail") { daemon in
                    try await site.waitUntilCaughtUp("content_popularity")
                    try await expectCause(site, daemon, "lock")
                    #expect(daemon.errors.contains("pid \(blocker.backendPID)"), "\(daemon.errors)")
                    await blocker.close()
                    try await expectNoCause(site)
                }
                try await site.expectReferenceFold()
            }
        }

        @Test("What a dead process waited for is told no more") func dead() async throws {
            try await TestSite.with { site in
                try await site.load(500)
                let blocker = try await PostgresConnection.connect(to: site.url)
                try await site.running("tail") { daemon in
                    try await site.waitUntilCaughtUp()
                    try await blocker.executeScript("BEGIN; SELECT FROM refold.checkpoints FOR UPDATE")
                    try await site.load(500, seed: 2)
                    try await expectCause(site, daemon, "lock")
                    await daemon.send(SIGKILL)
                    _ = try await daemon.outcome()
                    // What it had sent would still be committed.
                    try await wait(for: "its sessions to end") {
                        try await site.number(
                            """
                            SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                               AND application_name LIKE 'refold %' AND wait_event_type = 'Lock'
                            """
                        ) == 0
                    }
                }
                await blocker.close()
                try await wait(for: "the advice") {
                    try await site.status(of: "user_profiles")["cause"] as? String
                        == "nobody keeps it up with the log: start refold tail"
                }
            }
        }

        @Test("A process of the server that is stuck, and a synchronous standby that is gone")
        func frozenAndAlone() async throws {
            try await PrivatePostgres.with { server in
                let site = try await TestSite(url: server.url)
                try await site.succeed("migrate")
                try await site.load(500)
                try await site.running("tail") { daemon in
                    try await site.waitUntilCaughtUp()
                    let pid = try await site.connection.query(
                        "SELECT pid FROM pg_stat_activity WHERE application_name = 'refold user_profiles'"
                    ).int32(0, 0)
                    kill(pid, SIGSTOP)
                    try await site.load(500, seed: 2)
                    do {
                        try await expectCause(site, daemon, "pid \(pid)", "is stuck")
                    } catch {
                        kill(pid, SIGCONT)
                        throw error
                    }
                    kill(pid, SIGCONT)
                    try await expectNoCause(site)

                    try await site.connection.executeScript("SET synchronous_commit = local")
                    try await site.connection.executeOutsideTransaction(
                        "ALTER SYSTEM SET synchronous_standby_names = 'gone'"
                    )
                    try await site.connection.executeScript("SELECT pg_reload_conf()")
                    try await site.load(500, seed: 3)
                    try await expectCause(site, daemon, "synchronous standby")
                    // Its lease is renewed all the same.
                    let renewed = """
                        SELECT count(*) FROM refold.owners
                        WHERE renewed_at + lease_milliseconds * interval '1 ms' > clock_timestamp()
                        """
                    try await Task.sleep(for: .seconds(11))
                    #expect(try await site.number(renewed) == 1)
                    try await site.connection.executeOutsideTransaction("ALTER SYSTEM RESET synchronous_standby_names")
                    try await site.connection.executeScript("SELECT pg_reload_conf()")
                    try await expectNoCause(site)
                    try await site.expectReferenceFold()
                }
                await site.connection.close()
            }
        }
    }
}
