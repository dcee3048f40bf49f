import EventStore
import Postgres
import Refold
import Testing

@Suite("Reading events")
struct ReadingTests {
    @Test("All events of a range come in order, in batches of the given size", arguments: [1, 7, 100, 10_000])
    func batches(size: Int) async throws {
        try await TestStore.with { store in
            try await store.connection.executeScript("\(store.insert) FROM generate_series(1, 5000)")
            try await store.connection.executeScript("DELETE FROM \(store.events) WHERE global_position % 10 = 3")
            let reader = try await store.reader(
                ReadingOptions(batchSize: try BatchSize(size), eventsPerCopy: 999)
            )
            var positions: [Int64] = []
            var batchSizes: [Int] = []
            var missing = 0
            var through = GlobalPosition(5)
            try await reader.read(after: 5, through: 4_998) { block in
                #expect(block.after == through)
                through = block.through
                for stretch in block.holes.stretches {
                    missing += Int(stretch.through.rawValue - stretch.after.rawValue - stretch.events)
                }
                for batch in block.batches {
                    batchSizes.append(batch.count)
                    for event in batch {
                        positions.append(event.position.rawValue)
                        let n = try event.payload.integer("n")
                        #expect(n == 1)
                    }
                }
            }
            let expected = (6...4_998).filter { $0 % 10 != 3 }.map { Int64($0) }
            #expect(positions == expected)
            #expect(batchSizes.dropLast().allSatisfy { $0 == size })
            #expect(missing == 4_993 - expected.count)
            #expect(through == 4_998)
        }
    }

    @Test("A range without events is one empty block; a range behind the start is nothing")
    func empty() async throws {
        try await TestStore.with { store in
            try await store.connection.executeScript("SELECT nextval('\(store.sequence)') FROM generate_series(1, 9)")
            let reader = try await store.reader()
            var blocks: [EventBlock] = []
            try await reader.read(after: 2, through: 9) { blocks.append($0) }
            #expect(blocks.count == 1)
            #expect(blocks.first?.batches.isEmpty == true)
            #expect(blocks.first?.through == 9)
            #expect(blocks.first?.holes.stretches == [PositionRange(after: 2, through: 9)])
            try await reader.read(after: 9, through: 9) { blocks.append($0) }
            try await reader.read(after: 9, through: 3) { blocks.append($0) }
            #expect(blocks.count == 1)
        }
    }

    @Test("While a block takes long to deliver no snapshot is kept, and the read goes on where it was")
    func slowDelivery() async throws {
        try await TestStore.with { store in
            // More than the buffers between server and reader hold, so that the COPY cannot end by itself.
            try await store.connection.executeScript(
                """
                INSERT INTO \(store.events) (event_id, stream_id, stream_version, event_type, event_data)
                SELECT gen_random_uuid(), n::text, 1, 'counted',
                       json_build_object('n', n, 'text', (SELECT string_agg(md5((n * m)::text), '') FROM generate_series(1, 60) m))
                FROM generate_series(1, 6000) n
                """
            )
            let reader = try await store.reader(
                ReadingOptions(batchesPerBlock: 2, copyLifetime: .milliseconds(50))
            )
            let pid = reader.connection.backendPID
            var positions: [Int64] = []
            var waits = 0
            try await reader.read(after: 0, through: 6_000) { block in
                for batch in block.batches { positions += batch.map(\.position.rawValue) }
                guard waits < 2, positions.count < 4_000 else { return }
                waits += 1
                let deadline = ContinuousClock.now + .seconds(20)
                var isIdle = false
                while !isIdle {
                    try #require(ContinuousClock.now < deadline, "the COPY is still open")
                    isIdle = try await store.connection.query(
                        "SELECT state = 'idle' AND backend_xmin IS NULL FROM pg_stat_activity WHERE pid = $1",
                        [.int32(pid)]
                    ).bool(0, 0)
                }
            }
            #expect(waits == 2)
            #expect(positions == Array(1...6_000))
        }
    }

    @Test("A delivery that throws ends the read, and the reader can be used again")
    func throwing() async throws {
        struct Refused: Error {}
        try await TestStore.with { store in
            try await store.connection.executeScript("\(store.insert) FROM generate_series(1, 5000)")
            let reader = try await store.reader(ReadingOptions(batchesPerBlock: 2))
            for _ in 0..<3 {
                await #expect(throws: Refused.self) {
                    try await reader.read(after: 0, through: 5_000) { block in
                        if block.through > 700 { throw Refused() }
                    }
                }
            }
            #expect(try await reader.positions(through: 5_000).count == 5_000)
        }
    }

    @Test("A cancelled read stops, and the reader can be used again")
    func cancelled() async throws {
        try await TestStore.with { store in
            try await store.connection.executeScript("\(store.insert) FROM generate_series(1, 5000)")
            let reader = try await store.reader(ReadingOptions(batchesPerBlock: 1))
            let reading = Task {
                try await reader.read(after: 0, through: 5_000) { block in
                    if block.through == 300 { withUnsafeCurrentTask { $0?.cancel() } }
                }
            }
            await #expect(throws: (any Error).self) { try await reading.value }
            #expect(try await reader.positions(through: 5_000).count == 5_000)
        }
    }

    @Test("Huge payloads make a block end early, in an unfinished batch")
    func huge() async throws {
        try await TestStore.with { store in
            try await store.connection.executeScript(
                """
                INSERT INTO \(store.events) (event_id, stream_id, stream_version, event_type, event_data)
                SELECT gen_random_uuid(), n::text, 1, 'counted', json_build_object('text', repeat('x', 100000))
                FROM generate_series(1, 30) n
                """
            )
            let reader = try await store.reader(ReadingOptions(bytesPerBlock: 1_000_000))
            var counts: [Int] = []
            try await reader.read(after: 0, through: 30) { counts.append($0.count) }
            #expect(counts == [10, 10, 10, 0], "the last block only says that the range is done")
        }
    }

    @Test("Undeclared types come without payload; NULLs and infinite timestamps are refused only where they are read")
    func odd() async throws {
        try await TestStore.with { store in
            try await store.connection.executeScript(
                """
                ALTER TABLE \(store.events) ALTER event_data DROP NOT NULL, ALTER "timestamp" DROP NOT NULL;
                INSERT INTO \(store.events) (event_id, stream_id, stream_version, event_type, event_data, metadata, "timestamp")
                VALUES (gen_random_uuid(), 'a', 1, 'other', '{"n": 1}', NULL, now()),
                       (gen_random_uuid(), 'a', 2, 'counted', NULL, '{"by": "me"}', NULL),
                       (gen_random_uuid(), 'a', 3, 'counted', '{"n": 3}', NULL, 'infinity')
                """
            )
            let reader = try await store.reader(ReadingOptions(columns: [.metadata, .streamID]))
            var events: [Event] = []
            try await reader.read(after: 0, through: 3) { events += $0.batches.joined() }
            #expect(events.count == 3)
            #expect(events[0].type == nil)
            #expect(String(events[0].typeName) == "other")
            #expect(events[1].type == "counted")
            #expect(throws: EventRefusal.self) { try events[1].payload.integer("n") }
            #expect(throws: EventRefusal.self) { try events[1].timestamp }
            let by = try events[1].metadata?.text("by")
            #expect(by.map { String($0) } == "me")
            #expect(events[1].streamID.map { String($0) } == "a")
            let n = try events[2].payload.integer("n")
            #expect(n == 3)
            #expect(throws: EventRefusal.self) { try events[2].timestamp }
        }
    }

    @Test("Two events at one position are an error that names it")
    func twice() async throws {
        try await TestStore.with { store in
            try await store.connection.executeScript(
                """
                ALTER TABLE \(store.events) DROP CONSTRAINT events_pkey;
                CREATE INDEX ON \(store.events) (global_position);
                \(store.insert); SELECT setval('\(store.sequence)', 1, false); \(store.insert)
                """
            )
            let reader = try await store.reader()
            let error = await #expect(throws: EventStoreError.self) {
                try await reader.read(after: 0, through: 1) { _ in }
            }
            #expect(error?.code == .positionNotUnique)
            #expect(error?.position == 1)
        }
    }
}
