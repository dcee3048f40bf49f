import Engine
import Postgres
import Refold
import SampleLog
import TestSupport
import Testing

/// The read models of viewing sessions on a real server: what is folded at once and what is folded bit by bit, from
/// rows that were written and read back, is the same.
@Suite("Read models of viewing sessions")
struct StreamingModelsTests {
    private static let views = [
        ("viewing_sessions", "session_id"), ("audience_by_minute", "minute, quality"), ("personal_profiles", "user_id"),
    ]

    /// All rows of the views in the order of their keys, as text.
    private func rows(_ connection: PostgresConnection) async throws -> [String: [String]] {
        var rows: [String: [String]] = [:]
        for (view, key) in Self.views {
            let found = try await connection.query("SELECT v::text FROM read_models.\(view) v ORDER BY \(key)")
            rows[view] = try found.rows.map { try $0.text(0) }
        }
        return rows
    }

    /// Events that a kind writer would not write: repeated, late, of sessions that are over or never were.
    private static let unkind = """
        INSERT INTO events (event_id, stream_id, stream_version, event_type, event_data, "timestamp")
        SELECT gen_random_uuid(), 'unkind-' || e.global_position, 1, e.event_type, e.event_data,
               e."timestamp" + (e.global_position % 7 - 3) * interval '20 s'
          FROM events e WHERE e.event_type LIKE 'streaming.%' AND e.global_position % 5 = 0
         ORDER BY e.global_position * 7919 % 1009
        """

    @Test("A rebuild gives what tailing gave, also in little memory", arguments: [512 << 20, 1 << 20])
    func rebuiltAsTailed(memoryBudget: Int) async throws {
        try await EngineSite.with { site in
            var site = site
            site.settings.memoryBudget = memoryBudget
            let names = Self.views.map(\.0)
            for seed: UInt64 in 1...3 {
                try await site.load(200, sessions: 120, seed: seed)
                if seed == 2 { try await site.connection.executeScript(Self.unkind) }
                let projections = try site.engine.projections(named: names)
                try await site.engine.tail(TailRequest(projections, untilCaughtUp: true))
            }
            let tailed = try await rows(site.connection)
            #expect(tailed.values.allSatisfy { $0.count > 50 }, "\(tailed.mapValues(\.count))")
            let outcomes = try await site.engine.rebuild(RebuildRequest(try site.engine.projections(named: names)))
            #expect(outcomes.count == 3)
            #expect(try await rows(site.connection) == tailed)
        }
    }

    @Test(
        "The sessions live at a moment are found by an index, in a generation that was rebuilt and in one that was reset"
    )
    func indexed() async throws {
        try await EngineSite.with { site in
            try await site.load(0, sessions: 50)
            let projection = try site.projection("viewing_sessions")
            for isRebuilt in [true, false] {
                if isRebuilt {
                    _ = try await site.engine.rebuild(RebuildRequest([projection]))
                } else {
                    _ = try await site.engine.reset(projection)
                    try await site.engine.tail(TailRequest([projection], untilCaughtUp: true))
                }
                let plan = try await site.connection.query(
                    """
                    EXPLAIN SELECT quality, count(*) FROM read_models.viewing_sessions
                    WHERE ended_at IS NULL AND last_heartbeat > now() - interval '30 s' GROUP BY quality
                    """
                ).rows.map { try $0.text(0) }.joined(separator: "\n")
                #expect(plan.contains("last_heartbeat_idx"), "\(plan)")
            }
        }
    }
}
