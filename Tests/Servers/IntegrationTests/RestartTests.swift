import Glibc
import Postgres
import TestSupport
import Testing

extension BlackBox {
    @Suite("PostgreSQL restarted in the middle") struct RestartTests {
        private static let settings = ["engine.window-events": "500", "engine.window-time": "10ms"]

        @Test("of a rebuild: it goes on by itself", arguments: [PrivatePostgres.StopMode.fast, .immediate])
        func rebuildGoesOn(mode: PrivatePostgres.StopMode) async throws {
            try await PrivatePostgres.with { server in
                let site = try await TestSite(url: server.url, settings: Self.settings)
                try await site.succeed("migrate")
                try await site.load(12_000)
                try await site.succeed("rebuild")
                try await site.running("rebuild") { rebuild in
                    try await site.waitUntilBuilding(beyond: 1_000)
                    try await server.stop(mode)
                    try await server.start()
                    let outcome = try await rebuild.outcome()
                    #expect(outcome.code == 0, "\(outcome)")
                }
                let again = try await TestSite(url: server.url)
                try await again.expectReferenceFold()
                await again.connection.close()
            }
        }

        @Test("while a daemon starts: it begins again") func starting() async throws {
            try await TestSite.with { site in
                try await site.load(500)
                for _ in 0..<5 {
                    try await site.running("tail") { daemon in
                        let ours = "application_name LIKE 'refold %' AND datname = current_database()"
                        try await wait(for: "the lease") {
                            try await site.number("SELECT count(*) FROM refold.owners") > 0
                        }
                        for _ in 0..<3 {
                            _ = try await site.number(
                                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE \(ours)"
                            )
                        }
                        try await site.waitUntilCaughtUp()
                        await daemon.send(SIGTERM)
                        let outcome = try await daemon.outcome()
                        #expect(outcome.code == 0, "\(outcome)")
                    }
                    try await site.succeed("reset", "user_profiles", "--yes")
                }
            }
        }

        @Test("for its watchers alone: they begin again, and the tails are not disturbed") func watchers() async throws
        {
            try await TestSite.with(settings: ["store.sweep-delays": "1s,2s"]) { site in
                try await site.load(500)
                try await site.running("tail") { daemon in
                    try await site.waitUntilCaughtUp()
                    let sessions =
                        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = "
                    let tails = try await site.number(sessions + "'refold user_profiles'")
                    for name in ["pointers", "sweep"] {
                        try await site.connection.execute(
                            "SELECT pg_terminate_backend(pid) FROM (\(sessions) $1) AS ours",
                            [.text("refold \(name)")]
                        )
                    }
                    try await wait(for: "both to be missed") {
                        daemon.errors.contains("the pointers are not watched for a moment")
                            && daemon.errors.contains("holes are not looked at for a moment")
                    }
                    // A reset is noticed by who watches the pointers.
                    try await site.succeed("reset", "content_popularity", "--yes")
                    try await site.waitUntilCaughtUp()
                    // A late event is found by the sweep.
                    _ = try await site.number("SELECT nextval('events_global_position_seq')")
                    let hole = try await site.number("SELECT last_value FROM events_global_position_seq")
                    try await site.load(10, seed: 2)
                    try await site.waitUntilCaughtUp()
                    try await site.connection.execute(
                        """
                        INSERT INTO events (global_position, event_id, stream_id, stream_version, event_type, event_data)
                        VALUES ($1, gen_random_uuid(), 'late', 1, 'thing.happened', '{}')
                        """,
                        [.int64(hole)]
                    )
                    try await wait(for: "the late event to be found", within: .seconds(30)) {
                        daemon.errors.contains("late event at \(hole)")
                    }
                    #expect(!daemon.errors.contains("is interrupted"), "\(daemon.errors)")
                    #expect(try await site.number(sessions + "'refold user_profiles'") == tails)
                }
            }
        }

        @Test("of the daemon's work: it goes on by itself, however long it takes") func daemonGoesOn() async throws {
            try await PrivatePostgres.with { server in
                let site = try await TestSite(url: server.url, settings: Self.settings)
                try await site.succeed("migrate")
                try await site.load(2_000)
                try await site.running("tail") { daemon in
                    try await site.waitUntilCaughtUp()
                    for (seed, mode) in [(2, PrivatePostgres.StopMode.fast), (3, .immediate)] {
                        try await server.stop(mode)
                        let status = try await site.refold("status")
                        #expect(status.code == 69, "\(status)")
                        try await server.start()
                        let again = try await TestSite(url: server.url)
                        try await again.load(1_000, seed: UInt64(seed))
                        try await again.waitUntilCaughtUp()
                        try await again.expectReferenceFold()
                        #expect(await daemon.isRunning)
                        await again.connection.close()
                    }
                }
            }
        }
    }
}
