import Postgres
import TestSupport
import Testing

extension BlackBox {
    @Suite("PostgreSQL restarted in the middle") struct RestartTests {
        private static let settings = ["engine.window-events": "500", "engine.window-time": "10ms"]

        @Test("of a rebuild: it goes on by itself", arguments: [PrivatePostgres.StopMode.fast, .immediate])
        func rebuildGoesOn(mode: PrivatePostgres.StopMode) async throws {
            try await PrivatePostgres.with { server in
                let site = try await Site(url: server.url, settings: Self.settings)
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
                let again = try await Site(url: server.url)
                try await again.expectPlainFold()
                await again.connection.close()
            }
        }

        @Test("of the daemon's work: it goes on by itself, however long it takes") func daemonGoesOn() async throws {
            try await PrivatePostgres.with { server in
                let site = try await Site(url: server.url, settings: Self.settings)
                try await site.succeed("migrate")
                try await site.load(2_000)
                try await site.running("tail") { daemon in
                    try await site.waitUntilCaughtUp()
                    for (seed, mode) in [(2, PrivatePostgres.StopMode.fast), (3, .immediate)] {
                        try await server.stop(mode)
                        let status = try await site.refold("status")
                        #expect(status.code == 69, "\(status)")
                        try await server.start()
                        let again = try await Site(url: server.url)
                        try await again.load(1_000, seed: UInt64(seed))
                        try await again.waitUntilCaughtUp()
                        try await again.expectPlainFold()
                        #expect(await daemon.isRunning)
                        await again.connection.close()
                    }
                }
            }
        }
    }
}
