import Engine
import Postgres
import Refold
import TestSupport
import Testing

/// How often the log is read when several projections have to catch up.
@Suite("Catching up together")
struct CatchUpTests {
    private static let events = 25_000

    /// Rows that index scans have fetched from the events so far. A session tells what it did when it ends.
    private func eventsRead(in site: EngineSite) async throws -> Int64 {
        try await wait(for: "the other sessions to end") {
            try await site.connection.query(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).int64(0, 0) == 0
        }
        return try await site.connection.query(
            "SELECT coalesce(idx_tup_fetch, 0)::bigint FROM pg_stat_user_tables WHERE relname = 'events'"
        ).int64(0, 0)
    }

    @Test("Projections that all begin anew read the log once")
    func allFromTheBeginning() async throws {
        try await EngineSite.with { site in
            try await site.load(Self.events)
            let before = try await eventsRead(in: site)
            try await site.engine.tail(TailRequest(site.engine.projections, untilCaughtUp: true))
            let read = try await eventsRead(in: site) - before
            #expect(read >= Int64(Self.events) && read < Int64(Self.events) * 3 / 2)
        }
    }

    @Test("Two that are far behind the others read it once for both")
    func twoBehind() async throws {
        try await EngineSite.with { site in
            try await site.load(Self.events)
            try await site.engine.tail(TailRequest(site.engine.projections, untilCaughtUp: true))
            for name in ["user_profiles", "trending_score"] {
                _ = try await site.engine.reset(try site.projection(name))
            }
            let before = try await eventsRead(in: site)
            try await site.engine.tail(TailRequest(site.engine.projections, untilCaughtUp: true))
            let read = try await eventsRead(in: site) - before
            #expect(read >= Int64(Self.events) && read < Int64(Self.events) * 3 / 2)
            for projection in site.engine.projections {
                let status = try #require(await site.status(of: projection.name))
                #expect(status.position == GlobalPosition(Int64(Self.events)))
            }
        }
    }
}
