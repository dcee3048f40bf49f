import Glibc
import Postgres
import SampleLog
import Synchronization
import TestSupport
import Testing

extension BlackBox {
    @Suite("Readers during a rebuild") struct ReaderTests {
        /// Polls the views without pause and notes whatever goes backwards.
        private final class Poller: Sendable {
            private let found = Mutex<(polls: Int, complaints: [String])>((0, []))

            var polls: Int { found.withLock { $0.polls } }
            var complaints: [String] { found.withLock { $0.complaints } }

            func run(_ connection: PostgresConnection, prepared: Bool) async {
                var newest: [Int64] = []
                while !Task.isCancelled {
                    do {
                        let row = try await connection.query(
                            """
                            SELECT (SELECT count(*) FROM read_models.content_popularity),
                                (SELECT coalesce(sum(total_views), 0)::int8 FROM read_models.content_popularity),
                                (SELECT coalesce(sum(rating_count), 0)::int8 FROM read_models.content_popularity),
                                (SELECT count(*) FROM read_models.user_profiles),
                                (SELECT count(*) FROM read_models.trending_score),
                                (SELECT coalesce(sum(score), 0)::int8 FROM read_models.trending_score)
                            \(prepared ? "" : "/* \(polls) */")
                            """
                        )
                        let values = try (0..<6).map { try row.int64(0, $0) }
                        if zip(values, newest).contains(where: { $0 < $1 }) {
                            found.withLock { $0.complaints.append("\(newest) became \(values)") }
                        }
                        newest = values
                        found.withLock { $0.polls += 1 }
                    } catch {
                        if !Task.isCancelled { found.withLock { $0.complaints.append("\(error)") } }
                        return
                    }
                }
            }
        }

        @Test("never see fewer rows or older values, at any isolation level") func seeAWholeModel() async throws {
            try await TestSite.with(settings: ["engine.window-events": "1000"]) { site in
                try await site.load(4_000)
                try await site.succeed("rebuild")
                // Opened before, read only afterwards too: its first statement fixes what it may see.
                let repeatable = try await PostgresConnection.connect(to: site.url)
                try await repeatable.executeScript("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
                let before = try await ReadModelViews.digests(repeatable)
                let idle = try await PostgresConnection.connect(to: site.url)
                try await idle.executeScript("BEGIN; SELECT count(*) FROM read_models.content_popularity")

                let poller = Poller()
                let polling = try await withThrowingTaskGroup(of: Void.self, returning: Int.self) { group in
                    for prepared in [true, false] {
                        let connection = try await PostgresConnection.connect(to: site.url)
                        group.addTask { await poller.run(connection, prepared: prepared) }
                    }
                    try await site.running("tail") { daemon in
                        for seed in 2...4 as ClosedRange<UInt64> {
                            try await site.load(700, seed: seed)
                            try await site.succeed("rebuild")
                        }
                        try await site.waitUntilCaughtUp()
                        #expect(await daemon.isRunning)
                    }
                    group.cancelAll()
                    return poller.polls
                }
                #expect(polling > 20)
                #expect(poller.complaints == [])
                #expect(try await ReadModelViews.digests(repeatable) == before)
                #expect(try await ReadModelViews.digests(idle) == site.digests())
                try await repeatable.executeScript("COMMIT")
                try await idle.executeScript("COMMIT")
                #expect(try await ReadModelViews.digests(repeatable) == site.digests())
                try await site.expectReferenceFold()
                await repeatable.close()
                await idle.close()
            }
        }

        @Test("keep their views on top of ours, and their grants") func keepWhatTheyHave() async throws {
            try await TestSite.with { site in
                try await site.load(1_000)
                try await site.succeed("rebuild")
                let role = "refold_test_reader_\(UInt32.random(in: .min ... .max))"
                try await site.connection.executeScript(
                    """
                    CREATE ROLE \(role);
                    GRANT USAGE ON SCHEMA read_models TO \(role);
                    GRANT SELECT ON read_models.content_popularity TO \(role);
                    CREATE VIEW top_ten AS SELECT content_id, total_views FROM read_models.content_popularity
                        ORDER BY total_views DESC, content_id LIMIT 10;
                    """
                )
                for seed in 2...3 as ClosedRange<UInt64> {
                    try await site.load(500, seed: seed)
                    try await site.succeed("rebuild")
                    let views = try await site.number("SELECT sum(total_views)::int8 FROM top_ten")
                    try await site.connection.executeScript("SET ROLE \(role)")
                    let seen = try await site.number(
                        """
                        SELECT sum(total_views)::int8 FROM (SELECT total_views FROM read_models.content_popularity
                        ORDER BY total_views DESC LIMIT 10) AS best
                        """
                    )
                    try await site.connection.executeScript("RESET ROLE")
                    #expect(seen == views && seen > 0)
                }
                try await site.connection.executeScript("DROP VIEW top_ten; DROP OWNED BY \(role); DROP ROLE \(role)")
            }
        }

        @Test("do not hold up a rebuild, and old generations go when nobody can see them") func oldOnesGo()
            async throws
        {
            try await TestSite.with { site in
                try await site.load(500)
                try await site.succeed("rebuild")
                let reader = try await PostgresConnection.connect(to: site.url)
                try await reader.executeScript(
                    "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM read_models.user_profiles"
                )
                for _ in 0..<3 { try await site.succeed("rebuild") }
                try await reader.executeScript("COMMIT")
                await reader.close()
                try await site.succeed("rebuild")
                // The live one and the one kept for a rollback.
                let tables = try await site.number(
                    """
                    SELECT count(*) FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent
                    JOIN pg_namespace n ON n.oid = p.relnamespace
                    WHERE n.nspname = 'refold_data' AND p.relname LIKE 'trending_score%' AND p.relkind = 'p'
                    """
                )
                #expect(tables == 2)
            }
        }
    }
}
