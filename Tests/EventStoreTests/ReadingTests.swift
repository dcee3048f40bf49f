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
}
