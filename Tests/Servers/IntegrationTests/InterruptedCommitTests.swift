import Foundation
import Glibc
import Postgres
import TestSupport
import Testing

extension BlackBox {
    @Suite("A commit that fails") struct InterruptedCommitTests {
        /// Makes the server refuse what is written to a projection's live rows, with a SQLSTATE of the test's.
        private func refuse(_ projection: String, with state: String, on site: TestSite) async throws -> String {
            let table = "refold_data.\(projection)_g\(try await site.liveGeneration(projection))"
            try await site.connection.executeScript(
                """
                CREATE FUNCTION refusal() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '\(state)'; END $$;
                CREATE TRIGGER refusal BEFORE INSERT OR UPDATE ON \(table) FOR EACH STATEMENT EXECUTE FUNCTION refusal();
                """
            )
            return table
        }

        @Test("at the head is noticed and repeated at once, although no event follows, and status says why")
        func atTheHead()
            async throws
        {
            try await TestSite.with { site in
                try await site.load(300)
                try await site.running("tail") { daemon in
                    try await site.waitUntilCaughtUp()
                    let table = try await refuse("user_profiles", with: "53100", on: site)
                    try await site.load(20, seed: 2)
                    try await wait(for: "the cause in the status") {
                        "\(try await site.status(of: "user_profiles")["cause"] ?? "")".contains("no space left")
                    }
                    #expect(try await site.status(of: "user_profiles")["state"] as? String != "stopped")
                    try await site.connection.executeScript("DROP TRIGGER refusal ON \(table)")
                    try await site.waitUntilCaughtUp()
                    #expect(await daemon.isRunning)
                    try await site.expectReferenceFold()
                    try await wait(for: "the cause to be gone") {
                        try await site.status(of: "user_profiles")["cause"] is NSNull
                    }
                }
            }
        }

        @Test("while the daemon is stopped is told: nothing says that all is committed") func whileStopping()
            async throws
        {
            try await TestSite.with { site in
                try await site.load(300)
                try await site.running("tail") { daemon in
                    try await site.waitUntilCaughtUp()
                    _ = try await refuse("trending_score", with: "53100", on: site)
                    try await site.load(50, seed: 2)
                    try await wait(for: "the cause in the status") {
                        "\(try await site.status(of: "trending_score")["cause"] ?? "")".contains("no space left")
                    }
                    await daemon.send(SIGTERM)
                    let outcome = try await daemon.outcome(within: .seconds(20))
                    #expect(!outcome.errors.contains("everything is committed"), "\(outcome)")
                    #expect(outcome.errors.contains("trending_score"), "\(outcome)")
                    #expect(outcome.code == 69, "\(outcome)")
                }
            }
        }

        @Test("for good in a rebuild has an outcome for every projection, and an exit code") func rebuildOutcomes()
            async throws
        {
            try await TestSite.with(settings: ["database.retry-limit": "1s"]) { site in
                try await site.load(2_000)
                try await site.connection.executeScript(
                    """
                    CREATE FUNCTION refusal() RETURNS event_trigger LANGUAGE plpgsql AS
                    $$ BEGIN RAISE EXCEPTION 'too many of them' USING ERRCODE = '53300'; END $$;
                    CREATE EVENT TRIGGER refusal ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION refusal();
                    """
                )
                let outcome = try await site.refold("rebuild", "--json")
                #expect(outcome.code == 69, "\(outcome)")
                let found = try #require(
                    JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
                )
                let projections = try #require(found["projections"] as? [[String: Any]])
                #expect(
                    projections.allSatisfy { "\($0["error"] ?? "")".contains("too many of them") },
                    "\(projections)"
                )
                try await site.connection.executeScript("DROP EVENT TRIGGER refusal")
                try await site.succeed("rebuild")
                #expect(try await site.projectionCount() == Int64(projections.count))
                try await site.expectReferenceFold()
            }
        }

        @Test("of a reset's first rows: checkpoint and view change in one moment") func resetIsWholeAtOnce()
            async throws
        {
            try await TestSite.with { site in
                try await site.load(3_000)
                try await site.running("tail") { _ in
                    try await site.waitUntilCaughtUp()
                    let rows = try await site.number("SELECT count(*) FROM read_models.content_popularity")
                    #expect(rows > 0)
                    for _ in 0..<5 {
                        try await site.succeed("reset", "content_popularity", "--yes")
                        var position: Int64 = 0
                        while position < 3_000 {
                            position = try await site.number(
                                """
                                SELECT CASE WHEN g.readable_at IS NOT NULL THEN c.position ELSE 0 END
                                FROM refold.projections p JOIN refold.generations g ON g.generation = p.live
                                JOIN refold.checkpoints c ON c.generation = p.live WHERE p.name = 'content_popularity'
                                """
                            )
                            // A statement of its own, planned after the checkpoint was seen.
                            let seen = try await site.number("SELECT count(*) FROM read_models.content_popularity")
                            #expect(position == 0 || seen > 0, "at \(position)")
                        }
                        #expect(try await site.number("SELECT count(*) FROM read_models.content_popularity") == rows)
                    }
                }
            }
        }
    }
}
