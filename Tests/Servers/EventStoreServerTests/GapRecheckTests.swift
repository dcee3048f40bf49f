import EventStore
import Postgres
import Refold
import TestSupport
import Testing

@Suite("Sweeping for late events")
struct GapRecheckTests {
    /// Looks at once, and then once more.
    private let atOnce = RecheckSchedule(delays: [.zero, .zero])

    private func sweep(_ store: TestStore, _ schedule: RecheckSchedule? = nil) async throws -> GapRecheck {
        let found = try await store.inspect()
        let log = try await LogIdentityStore.open(store.connection, found)
        return GapRecheck(try await store.connect(), found, log: log.id, schedule: schedule ?? atOnce)
    }

    private func insertLate(_ store: TestStore, _ position: Int64) async throws {
        try await store.connection.execute(
            """
            INSERT INTO \(store.events) (global_position, event_id, stream_id, stream_version, event_type, event_data)
            VALUES ($1, gen_random_uuid(), gen_random_uuid()::text, 1, 'counted', '{"n": 1}')
            """,
            [.int64(position)]
        )
    }

    @Test("A position drawn in one transaction and inserted in a later one is found and named")
    func late() async throws {
        try await TestStore.with { store in
            let sweep = try await self.sweep(store)
            let pooled = try await store.connection.query("SELECT nextval('\(store.sequence)')").int64(0, 0)
            try await store.connection.executeScript(store.insert)
            let mark = try await store.probe().sample().mark
            #expect(mark == 2, "nothing shows that position 1 is still to come")
            let reader = try await store.reader()
            try await reader.read(after: 0, through: mark) { try await sweep.passed($0.holes) }
            #expect(try await sweep.step().isEmpty)

            try await insertLate(store, pooled)
            let found = try await sweep.step()
            #expect(found.map(\.position) == [1])
            #expect(found.first?.error.code == .lateEvent)
            #expect(found.first?.error.description.hasPrefix("late event at 1") == true)
            let known = try await GapRecheck.found(store.connection, store.settings)
            #expect(known == found)
            #expect(try await sweep.step().isEmpty, "each hole is looked at twice")
        }
    }

    @Test("What one has not written down, another takes over")
    func takenOver() async throws {
        try await TestStore.with { store in
            let (first, second) = (try await sweep(store), try await sweep(store))
            try await store.connection.executeScript("SELECT nextval('\(store.sequence)'); \(store.insert)")
            try await store.reader().read(after: 0, through: 2) { try await first.passed($0.holes) }
            second.takeOver(from: first)
            try await insertLate(store, 1)
            #expect(try await first.step().isEmpty)
            #expect(try await second.step().map(\.position) == [1])
        }
    }

    @Test("A hole is not looked at before its time, and waits through a restart")
    func schedule() async throws {
        try await TestStore.with { store in
            let first = try await sweep(store, RecheckSchedule())
            try await store.connection.executeScript("SELECT nextval('\(store.sequence)'); \(store.insert)")
            try await store.reader().read(after: 0, through: 2) { try await first.passed($0.holes) }
            #expect(try await first.step().isEmpty)
            try await insertLate(store, 1)
            #expect(try await first.step().isEmpty)

            // A minute passes, as the server's clock has it.
            let second = try await sweep(store, RecheckSchedule())
            try await store.connection.executeScript(
                "UPDATE refold.holes SET passed_at = passed_at - interval '60 s', due_at = due_at - interval '60 s'"
            )
            #expect(try await second.step().map(\.position) == [1])
            let next = try await store.connection.query(
                "SELECT looks::integer, extract(epoch FROM due_at - passed_at)::integer FROM refold.holes"
            )
            #expect(try next.int32(0, 0) == 1)
            #expect(try next.int32(0, 1) == 3_600)
        }
    }

    @Test("Among too many holes to list, a late event is found by counting")
    func counted() async throws {
        try await TestStore.with { store in
            try await store.connection.executeScript("\(store.insert) FROM generate_series(1, 2000)")
            try await store.connection.executeScript("DELETE FROM \(store.events) WHERE global_position % 5 = 0")
            let sweep = try await self.sweep(store)
            try await sweep.passed(behind: 2_000)
            #expect(try await sweep.step().isEmpty)
            let stretches = try await store.connection.query("SELECT count(*) FROM refold.holes").int64(0, 0)
            #expect(stretches > 1 && stretches <= 64)
            try await insertLate(store, 1_235)
            #expect(try await sweep.step().map(\.position) == [1_235])
        }
    }

    @Test("A hole of a billion positions is one range: read, swept and searched at once")
    func billion() async throws {
        try await TestStore.with { store in
            try await store.connection.executeScript("\(store.insert); SELECT setval('\(store.sequence)', 1000000000)")
            try await store.connection.executeScript(store.insert)
            let mark = try await store.probe().sample().mark
            #expect(mark == 1_000_000_001)
            let sweep = try await self.sweep(store)
            let reader = try await store.reader()
            var stretches: [PositionRange] = []
            var positions: [Int64] = []
            try await reader.read(after: 0, through: mark) { block in
                stretches += block.holes.stretches
                for batch in block.batches { positions += batch.map(\.position.rawValue) }
                try await sweep.passed(block.holes)
            }
            #expect(positions == [1, 1_000_000_001])
            #expect(stretches == [PositionRange(after: 1, through: 1_000_000_000)])
            try await insertLate(store, 999_999_999)
            #expect(try await sweep.step().map(\.position) == [999_999_999])
        }
    }
}
