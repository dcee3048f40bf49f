import Engine
import HotCache
import Metrics
import MetricsTestKit
import Postgres
import Refold
import TestSupport
import Testing

@Suite("What is measured")
struct MetricsTests {
    private let labels = [("projection", "trending_score")]

    @Test("A rebuild and the daemon count events, windows and rows of a projection, and what goes to its cache")
    func counts() async throws {
        let metrics = TestMetrics()
        try await PrivateRedisServer.withServer { server in
            try await EngineSite.with { site in
                var site = site
                let engine = try withMetricsFactory(metrics) {
                    try site.useCache(
                        CacheSettings(url: server.urlText),
                        ["trending_score": HotSetSettings(.all)]
                    )
                    return site.engine
                }
                let trending = try site.projection("trending_score")
                try await site.load(500)
                _ = try await engine.rebuild(RebuildRequest([trending]))
                let folded = try metrics.expectCounter("refold_folded_events", labels)
                let rebuilt = try await taken(by: trending, site)
                #expect(rebuilt > 0 && folded.totalValue == rebuilt)

                try await site.load(300, seed: 2)
                _ = try await engine.tail(TailRequest([trending], untilCaughtUp: true))
                let tailed = try await taken(by: trending, site)
                #expect(tailed > rebuilt && folded.totalValue == tailed)
                let rows = try await site.connection.query("SELECT count(*) FROM read_models.trending_score").int64(
                    0,
                    0
                )
                #expect(try metrics.expectCounter("refold_written_rows", labels).totalValue >= rows)
                let commits = try metrics.expectTimer("refold_window_commit_duration", labels).values
                #expect(commits.count >= 2 && commits.allSatisfy { $0 > 0 })
                #expect(try metrics.expectGauge("refold_lag_positions", labels).lastValue == 0)
                #expect(try metrics.expectCounter("refold_dead_letters", labels).totalValue == 0)
                #expect(try metrics.expectCounter("refold_retries", labels).totalValue == 0)
                #expect(try metrics.expectCounter("refold_mark_waits").totalValue == 0)
                let sent = try metrics.expectCounter("refold_cache_sent_windows", labels).totalValue
                let heals = try metrics.expectCounter("refold_cache_heals", labels).totalValue
                #expect(sent + heals > 0)
                // Nobody folded these.
                #expect(
                    try metrics.expectCounter("refold_folded_events", [("projection", "user_profiles")]).values == []
                )
            }
        }
    }

    /// How many events of the log the projection takes.
    private func taken(by projection: any Projection, _ site: EngineSite) async throws -> Int64 {
        let types = projection.eventTypes.map(\.name)
        return try await site.connection.query(
            "SELECT count(*) FROM events WHERE event_type = ANY ($1)",
            [.textArray(types)]
        ).int64(0, 0)
    }
}
