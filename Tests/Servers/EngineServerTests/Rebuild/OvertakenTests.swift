import Engine
import Postgres
import Refold
import TestSupport
import Testing

/// What another process does between a rebuild's look at a half-built generation and its taking it over.
@Suite("A half-built generation that another rebuild finishes first")
struct OvertakenTests {
    @Test(
        "is left alone: its version tables are gone, and it may be live",
        arguments: ["state = 'pointed', phase = 'settled'", "state = 'retired'"]
    )
    func isLeftAlone(change: String) async throws {
        try await EngineSite.with { site in
            try await site.load(2_000)
            let profiles = try site.projection("user_profiles")
            let request = RebuildRequest([profiles])
            let built = try await site.engine.rebuild(RebuildRequest([profiles], until: 1_000))[0]
            let generation = try #require(built.generation?.rawValue)

            let other = try await site.engine.connect(for: "other")
            try await other.executeScript(
                "BEGIN; SELECT FROM refold.checkpoints WHERE generation = \(generation) FOR UPDATE"
            )
            async let overtaken = site.engine.rebuild(request)[0]
            try await wait(for: "the rebuild to want the checkpoint") {
                try await site.connection.query(
                    """
                    SELECT EXISTS (SELECT FROM pg_stat_activity
                                    WHERE datname = current_database() AND wait_event_type = 'Lock'
                                      AND query LIKE '%refold.checkpoints%FOR UPDATE%')
                    """
                ).bool(0, 0)
            }
            try await other.executeScript(
                "UPDATE refold.generations SET \(change) WHERE generation = \(generation); COMMIT"
            )
            let outcome = try await overtaken
            #expect((outcome.error as? EngineError)?.code == .fenced, "\(outcome)")
            let left = try await site.connection.query(
                """
                SELECT position, owner IS NULL FROM refold.checkpoints WHERE generation = \(generation)
                """
            )
            #expect(try left.isEmpty || left.int64(0, 0) == 1_000)
            #expect(try left.isEmpty || left.bool(0, 1))
            #expect(try await site.connection.query("SELECT count(live) FROM refold.projections").int64(0, 0) == 0)
            await other.close()
        }
    }
}
