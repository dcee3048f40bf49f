import Glibc
import Postgres
import TestSupport
import Testing

extension BlackBox {
    @Suite("Behind a pooler that shares sessions") struct PoolerTests {
        /// Lends a site whose processes all go through PgBouncer in transaction mode, with few sessions for all of them.
        private func withSite(_ body: (TestSite) async throws -> Void) async throws {
            try await TestDatabase.with { database in
                try await PrivatePgBouncer.with(before: database.url, sessions: 6) { pooler in
                    var site = try await TestSite(url: database.url, settings: ["engine.lease-time": "1s"])
                    site.environment["REFOLD_DATABASE_URL"] = pooler.url(to: database.name)
                    try await site.succeed("migrate")
                    try await body(site)
                    await site.connection.close()
                }
            }
        }

        @Test("rebuilds, follows, resets and rolls back as without one") func works() async throws {
            try await withSite { site in
                try await site.load(3_000)
                try await site.succeed("rebuild")
                try await site.expectReferenceFold()
                try await site.running("tail") { daemon in
                    try await site.load(500, seed: 2)
                    try await site.waitUntilCaughtUp()
                    try await site.succeed("rebuild")
                    try await site.load(500, seed: 3)
                    try await site.succeed("reset", "trending_score", "--yes")
                    try await site.waitUntilCaughtUp()
                    try await site.succeed("rollback", "user_profiles", "--yes")
                    try await site.waitUntilCaughtUp()
                    try await site.expectReferenceFold()
                    await daemon.send(SIGTERM)
                    #expect(try await daemon.outcome(within: .seconds(20)).code == 0)
                }
                let doctor = try await site.refold("doctor")
                #expect(doctor.code == 0 && doctor.output.contains("pooler"), "\(doctor)")
            }
        }

        @Test("has one owner for each projection, and another one soon after it was killed") func owners() async throws
        {
            try await withSite { site in
                try await site.load(500)
                try await site.running("tail") { first in
                    try await site.waitUntilCaughtUp()
                    let rebuild = try await site.refold("tail", "--until-caught-up")
                    #expect(rebuild.code == 75, "\(rebuild)")
                    try await site.running("tail") { _ in
                        await first.send(SIGKILL)
                        _ = try await first.outcome()
                        try await site.load(500, seed: 2)
                        try await site.waitUntilCaughtUp()
                        try await site.expectReferenceFold()
                    }
                }
            }
        }
    }
}
