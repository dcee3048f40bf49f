import Foundation
import Postgres
import TestSupport
import Testing

extension BlackBox {
    @Suite("An installation of the version before leases") struct UpgradeTests {
        private static let installation = try? String(
            contentsOf: URL(filePath: #filePath).deletingLastPathComponent().appending(
                path: "Fixtures/installation-1.sql"
            ),
            encoding: .utf8
        )

        /// Lends a database as that version left it.
        private func withInstallation(_ body: (TestSite) async throws -> Void) async throws {
            try await TestDatabase.with { database in
                let site = try await TestSite(url: database.url)
                try await site.connection.executeScript(try #require(Self.installation))
                // It was made in another database.
                try await site.connection.executeScript(
                    """
                    UPDATE refold.logs SET events_oid = 'public.events'::regclass,
                        database_oid = (SELECT oid FROM pg_database WHERE datname = current_database()),
                        system_identifier = (SELECT system_identifier FROM pg_control_system())
                    """
                )
                try await body(site)
                await site.connection.close()
            }
        }

        @Test("asks to be migrated before anything is done") func asks() async throws {
            try await withInstallation { site in
                for command in [["tail"], ["rebuild"], ["status"], ["reset", "user_profiles", "--yes"]] {
                    let outcome = try await RefoldProcess.run(command, environment: site.environment)
                    #expect(outcome.code == 78 && outcome.errors.contains("refold migrate"), "\(command): \(outcome)")
                }
            }
        }

        @Test("keeps its read models: live, kept and half-built generations go on, under either policy") func goesOn()
            async throws
        {
            try await withInstallation { site in
                let live = try await site.liveGeneration("content_popularity")
                let profiles = try await site.liveGeneration("user_profiles")
                let digests = try await site.digests()
                try await site.succeed("migrate")
                try await site.succeed("migrate")
                #expect(try await site.digests() == digests)
                try await site.load(30, seed: 7)
                try await site.succeed("tail", "--until-caught-up")
                try await site.expectReferenceFold()
                #expect(try await site.liveGeneration("content_popularity") == live)
                #expect(try await site.liveGeneration("user_profiles") == profiles)
                try await site.succeed("rollback", "trending_score", "--yes")
                try await site.expectReferenceFold()
                // The half-built generation is the one that is pointed at.
                let half = try await site.number(
                    "SELECT generation FROM refold.generations WHERE projection = 'content_popularity' AND state = 'building'"
                )
                try await site.succeed("rebuild")
                #expect(try await site.liveGeneration("content_popularity") == half)
                try await site.expectReferenceFold()
            }
        }

        @Test("refuses what its daemon, which still runs, would commit") func oldDaemon() async throws {
            try await withInstallation { site in
                let live = try await site.liveGeneration("user_profiles")
                let known = try await site.connection.query(
                    "SELECT position, epoch FROM refold.checkpoints WHERE generation = $1",
                    [.int64(live)]
                )
                let (position, epoch) = (try known.int64(0, 0), try known.int64(0, 1))
                try await site.succeed("migrate")
                // As that version's daemon commits a window, and as it takes a generation.
                let commit = await #expect(throws: PostgresError.self) {
                    try await site.connection.query(
                        "SELECT refold.advance($1, $2, $3, $4, $5, $6)",
                        [.int64(live), .int64(position), .int64(position + 1), .int64(epoch), .int64(1), .double(1)]
                    )
                }
                #expect(commit?.sqlState == SQLState("RF002") && commit?.message.contains("newer refold") == true)
                let taking = await #expect(throws: PostgresError.self) {
                    try await site.connection.execute("UPDATE refold.checkpoints SET epoch = epoch + 1")
                }
                #expect(taking?.sqlState == .undefinedColumn)
            }
        }

        @Test("that a newer refold has migrated is refused") func newer() async throws {
            try await TestSite.with { site in
                try await site.connection.execute("UPDATE refold.schema_version SET version = version + 1")
                for command in [["tail"], ["rebuild"], ["status"]] {
                    let outcome = try await RefoldProcess.run(command, environment: site.environment)
                    #expect(outcome.code == 78 && outcome.errors.contains("newer"), "\(command): \(outcome)")
                }
            }
        }
    }
}
