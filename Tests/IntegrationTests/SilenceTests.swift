import Glibc
import Postgres
import TestSupport
import Testing

extension BlackBox {
    /// Nothing fails in these, so nobody would be told.
    @Suite("A server that does not answer for a while is told of")
    struct SilenceTests {
        private func expectCause(_ site: Site, _ daemon: ChildProcess, _ parts: String...) async throws {
            try await wait(for: "status to say \(parts)", within: .seconds(20)) {
                let cause = try await site.status(of: "user_profiles")["cause"] as? String ?? ""
                return parts.allSatisfy { cause.contains($0) }
            }
            try await wait(for: "the log to say \(parts)") {
                parts.allSatisfy { daemon.errors.contains($0) }
            }
        }

        private func expectNoCause(_ site: Site) async throws {
            try await site.waitUntilCaughtUp()
            try await wait(for: "status to say nothing any more") {
                try await site.status(of: "user_profiles")["cause"] as? String == nil
            }
        }

        @Test("A lock that somebody has, with its holder") func lock() async throws {
            try await Site.with { site in
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
                    try await site.expectPlainFold()
                }
            }
        }

        @Test("A process of the server that stands still, and a synchronous standby that is gone")
        func frozenAndAlone() async throws {
            try await PrivatePostgres.with { server in
                let site = try await Site(url: server.url)
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
                        try await expectCause(site, daemon, "pid \(pid)", "stands still")
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
                    try await site.expectPlainFold()
                }
                await site.connection.close()
            }
        }
    }
}
