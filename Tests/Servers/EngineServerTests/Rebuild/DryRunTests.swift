import Engine
import Postgres
import Refold
import TestSupport
import Testing

@Suite("Planning a rebuild")
struct DryRunTests {
    @Test("A first rebuild reads everything that is taken, builds, and drops nothing")
    func first() async throws {
        try await EngineSite.with { site in
            try await site.load(1_000)
            let plan = try await site.engine.dryRun(site.engine.projections)
            let counted = try await site.connection.query(
                "SELECT count(*) FROM events WHERE event_type = 'content.watched'"
            )
            #expect(plan.head == 1_000 && plan.isExact && plan.time == nil)
            #expect(plan.types.first?.type == "content.watched")
            #expect(plan.types.first?.events == (try counted.int64(0, 0)))
            #expect(plan.types.allSatisfy { $0.bytes > $0.events })
            #expect(plan.steps.allSatisfy { $0.resumed == nil && $0.dropped.isEmpty && $0.live == nil })
            #expect(try await site.engine.generations().isEmpty)
        }
    }

    @Test("Only the types that the named projections take are counted")
    func someTypes() async throws {
        try await EngineSite.with { site in
            try await site.load(500)
            let plan = try await site.engine.dryRun([site.projection("trending_score")])
            #expect(plan.types.map(\.type) == ["content.watched"])
        }
    }

    @Test("A later one says what it goes on with, keeps and drops, and how long the last one took")
    func later() async throws {
        try await EngineSite.with { site in
            try await site.load(1_000)
            try await site.rebuild()
            try await site.rebuild()
            try await site.rebuild(until: 600)
            let known = try await site.engine.generations().filter { $0.projection == "user_profiles" }
            let numbers = known.map(\.generation)
            func step(fresh: Bool) async throws -> RebuildPlan.Step {
                try #require(try await site.engine.dryRun(site.engine.projections, fresh: fresh).steps.first)
            }
            let resumed = try await step(fresh: false)
            #expect(resumed.resumed == numbers[0] && resumed.start == 600 && resumed.live == numbers[1])
            #expect(resumed.dropped == [numbers[2]] && resumed.droppedBytes > 0)
            #expect(resumed.lastRate ?? 0 > 0)
            let fresh = try await step(fresh: true)
            #expect(fresh.resumed == nil && fresh.start == 0 && fresh.dropped == [numbers[0], numbers[2]])
            let plan = try await site.engine.dryRun(site.engine.projections)
            #expect(plan.time ?? .zero > .zero)
            #expect(plan.types.reduce(0) { $0 + $1.events } < 401)
        }
    }

    @Test("A large table is sampled, and the estimate says so")
    func sampled() async throws {
        try await EngineSite.with { site in
            try await site.connection.execute(
                """
                INSERT INTO events (event_id, stream_id, stream_version, event_type, event_data)
                SELECT gen_random_uuid(), 'large', n, 'content.rated', ('{"text": "' || repeat('x', 900) || '"}')::json
                  FROM generate_series(1, 100000) n
                """
            )
            let plan = try await site.engine.dryRun([site.projection("content_popularity")])
            #expect(!plan.isExact)
            #expect((60_000...150_000).contains(plan.types.first?.events ?? 0), "\(plan.types)")
        }
    }
}
