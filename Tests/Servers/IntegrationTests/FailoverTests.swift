import Foundation
import Glibc
import Postgres
import Redis
import TestSupport
import Testing

extension BlackBox {
    @Suite("A server that fails over") struct FailoverTests {
        private static let servers = ["wal_level": "replica", "hot_standby": "on", "max_wal_senders": "5"]

        private func number(_ sql: String, on url: String) async throws -> Int64 {
            let connection = try await PostgresConnection.connect(to: url)
            let number = try await connection.query(sql).int64(0, 0)
            await connection.close()
            return number
        }

        @Test(
            "to a standby that has all, or lacks the last events: the daemon goes on without a rebuild, and the cache is right",
            arguments: [false, true]
        )
        func promoted(isLagging: Bool) async throws {
            try await PrivateRedisServer.withServer { redis in
                try await PrivatePostgres.with(settings: Self.servers) { primary in
                    try await primary.withStandby { standby in
                        var settings = [
                            "redis.url": redis.urlText, "redis.timeout": "300ms", "engine.lease-time": "1s",
                        ]
                        for projection in ReadModelViews.names { settings["projections.\(projection).hot.by"] = "all" }
                        var site = try await TestSite(url: primary.url, settings: settings)
                        site.environment["REFOLD_DATABASE_URL"] = primary.url(or: standby)
                        try await site.succeed("migrate")
                        try await site.load(500)
                        try await site.running("tail") { daemon in
                            try await site.waitUntilCaughtUp()
                            if isLagging {
                                let position = try await site.number("SELECT min(position) FROM refold.checkpoints")
                                try await wait(for: "the standby to have the first events folded") {
                                    try await number("SELECT min(position) FROM refold.checkpoints", on: standby.url)
                                        >= position
                                }
                                // What is written from here on it never gets.
                                let cut = try await PostgresConnection.connect(to: standby.url)
                                try await cut.executeScript("ALTER SYSTEM SET primary_conninfo = ''")
                                _ = try await cut.query("SELECT pg_reload_conf()")
                                try await wait(for: "the end of the stream") {
                                    try await cut.query("SELECT count(*) FROM pg_stat_wal_receiver").int64(0, 0) == 0
                                }
                                await cut.close()
                                try await site.load(200, seed: 2)
                                try await site.waitUntilCaughtUp()
                            } else {
                                try await site.load(200, seed: 2)
                                try await site.waitUntilCaughtUp()
                                let end = try await site.connection.query("SELECT pg_current_wal_lsn()::text").text(
                                    0,
                                    0
                                )
                                try await wait(for: "the standby to have all") {
                                    try await number(
                                        "SELECT (pg_last_wal_replay_lsn() >= '\(end)')::int::int8",
                                        on: standby.url
                                    ) == 1
                                }
                            }
                            try await site.expectRightCache(redis)
                            await site.connection.close()
                            try await primary.stop(.immediate)
                            try await standby.promote()
                            var promoted = try await TestSite(url: standby.url, settings: settings)
                            promoted.environment = site.environment
                            // Positions that are drawn again.
                            try await promoted.load(100, seed: 3)
                            try await promoted.waitUntilCaughtUp()
                            #expect(await daemon.isRunning)
                            try await promoted.expectReferenceFold()
                            try await promoted.expectRightCache(redis)
                            if isLagging {
                                let status = try await promoted.succeed("status", "--json")
                                #expect(status.contains("are gone") || daemon.errors.contains("are gone"), "\(status)")
                            }
                            try await promoted.succeed("rebuild")
                            try await promoted.expectReferenceFold()
                            await promoted.connection.close()
                        }
                    }
                }
            }
        }

        @Test("by a recovery after a killed backend, with the same postmaster: nothing is skipped or doubled")
        func recovered() async throws {
            try await PrivatePostgres.with { server in
                let site = try await TestSite(url: server.url)
                try await site.succeed("migrate")
                try await site.load(500)
                try await site.running("tail") { daemon in
                    try await site.waitUntilCaughtUp()
                    // Drawn and never committed: after the recovery they are drawn once more.
                    try await site.connection.executeScript("BEGIN")
                    _ = try await site.connection.query(
                        "SELECT count(nextval('events_global_position_seq')) FROM generate_series(1, 500)"
                    )
                    let witness = try await PostgresConnection.connect(to: server.url)
                    #expect(kill(site.connection.backendPID, SIGKILL) == 0)
                    // The server answers until it has noticed, and ends all sessions then.
                    try await wait(for: "the other sessions' end", within: .seconds(60)) {
                        do {
                            _ = try await witness.query("SELECT 1")
                            return false
                        } catch { return true }
                    }
                    try await wait(for: "the server after its recovery", within: .seconds(60)) {
                        do {
                            let again = try await PostgresConnection.connect(to: server.url)
                            await again.close()
                            return true
                        } catch { return false }
                    }
                    let again = try await TestSite(url: server.url)
                    try await again.load(300, seed: 2)
                    try await again.waitUntilCaughtUp()
                    try await again.expectReferenceFold()
                    #expect(await daemon.isRunning)
                    await again.connection.close()
                }
            }
        }
    }
}
