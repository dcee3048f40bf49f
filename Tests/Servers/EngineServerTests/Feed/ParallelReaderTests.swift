import Engine
import EventStore
import Postgres
import Refold
import Synchronization
import TestSupport
import Testing

@Suite("Long ranges, read over two sessions")
struct ParallelReaderTests {
    /// A log of 3,000 events with holes, some of them longer than a stretch.
    private func withLog(_ body: (EngineSite, _ positions: [Int64]) async throws -> Void) async throws {
        try await EngineSite.with { site in
            try await site.load(3000)
            try await site.connection.execute("DELETE FROM events WHERE global_position BETWEEN 700 AND 1050")
            try await site.connection.execute("DELETE FROM events WHERE global_position % 17 = 0")
            let rows = try await site.connection.query("SELECT global_position FROM events ORDER BY global_position")
            try await body(site, rows.rows.map { try $0.int64("global_position") })
        }
    }

    private func reader(of site: EngineSite) async throws -> EventReader {
        let connection = try await PostgresConnection.connect(to: site.settings.databaseURL, PostgresOptions())
        let store = try await StoreInspection.inspect(connection, site.settings.store)
        return EventReader(connection, store, types: [], options: ReadingOptions(batchesPerBlock: 2))
    }

    private func positions(_ blocks: [EventBlock]) -> [Int64] {
        blocks.flatMap { $0.batches.flatMap { $0.map(\.position.rawValue) } }
    }

    @Test(
        "Every event comes once and in order, and the blocks cover the range",
        arguments: [1, 7, 100, 999, 3000, 5000]
    )
    func whole(stretch: Int64) async throws {
        try await withLog { site, positions in
            let (first, second) = try await (reader(of: site), reader(of: site))
            let span = stretch == 1 ? 650...750 : 5...Int64(2900)
            let blocks = Mutex<[EventBlock]>([])
            try await ParallelReader(first, helper: { second }, stretch: stretch)
                .read(after: GlobalPosition(span.lowerBound - 1), through: GlobalPosition(span.upperBound)) { block in
                    blocks.withLock { $0.append(block) }
                }
            let delivered = blocks.withLock { $0 }
            #expect(self.positions(delivered) == positions.filter(span.contains))
            #expect(delivered.first?.after.rawValue == span.lowerBound - 1)
            #expect(delivered.last?.through.rawValue == span.upperBound)
            #expect(zip(delivered, delivered.dropFirst()).allSatisfy { $0.through == $1.after })
            // Both can be used again.
            for reader in [first, second] {
                try await reader.read(after: .zero, through: 10) { #expect($0.isLast) }
                await reader.connection.close()
            }
        }
    }

    @Test("A hole is crossed in a few stretches, however long")
    func longHole() async throws {
        try await withLog { site, positions in
            try await site.connection.execute(
                "UPDATE events SET global_position = global_position + 9000000000000000000 WHERE global_position > 2000"
            )
            let (first, second) = try await (reader(of: site), reader(of: site))
            let blocks = Mutex<[EventBlock]>([])
            let end = GlobalPosition(.max)
            try await ParallelReader(first, helper: { second }, stretch: 1000).read(after: .zero, through: end) {
                block in
                blocks.withLock { $0.append(block) }
            }
            let delivered = blocks.withLock { $0 }
            #expect(self.positions(delivered) == positions.map { $0 > 2000 ? $0 + 9_000_000_000_000_000_000 : $0 })
            #expect(delivered.filter { $0.batches.isEmpty }.count <= 12)
            #expect(zip(delivered, delivered.dropFirst()).allSatisfy { $0.through == $1.after })
            for reader in [first, second] { await reader.connection.close() }
        }
    }

    @Test("Without a second session one reads alone")
    func alone() async throws {
        try await withLog { site, positions in
            let reader = try await reader(of: site)
            let found = Mutex<[Int64]>([])
            try await ParallelReader(reader, helper: { nil }, stretch: 100).read(after: .zero, through: 3000) { block in
                found.withLock { $0 += self.positions([block]) }
            }
            #expect(found.withLock { $0 } == positions)
            await reader.connection.close()
        }
    }

    @Test("What the receiver throws ends the read, whoever waits for its turn")
    func refused() async throws {
        struct Enough: Error {}
        try await withLog { site, positions in
            let (first, second) = try await (reader(of: site), reader(of: site))
            let found = Mutex<[Int64]>([])
            await #expect(throws: Enough.self) {
                try await ParallelReader(first, helper: { second }, stretch: 100, bytesAhead: 1)
                    .read(after: .zero, through: 3000) { block in
                        found.withLock { $0 += self.positions([block]) }
                        if block.through > 1500 { throw Enough() }
                    }
            }
            let delivered = found.withLock { $0 }
            #expect(delivered == Array(positions.prefix(delivered.count)))
            for reader in [first, second] {
                try await reader.read(after: .zero, through: 10) { #expect($0.isLast) }
                await reader.connection.close()
            }
        }
    }

    @Test("A session that is lost fails the read; nothing comes out of order before that", arguments: [0, 1])
    func lost(session: Int) async throws {
        try await withLog { site, positions in
            let readers = try await [reader(of: site), reader(of: site)]
            let pid = try await readers[session].connection.query("SELECT pg_backend_pid()").int32(0, 0)
            let found = Mutex<[Int64]>([])
            await #expect(throws: EventStoreError.self) {
                try await ParallelReader(readers[0], helper: { readers[1] }, stretch: 50, bytesAhead: 1)
                    .read(after: .zero, through: 3000) { block in
                        let isFirst = found.withLock { found in
                            defer { found += self.positions([block]) }
                            return found.isEmpty
                        }
                        guard isFirst else { return }
                        try await site.connection.execute("SELECT pg_terminate_backend($1, 5000)", [.int32(pid)])
                    }
            }
            let delivered = found.withLock { $0 }
            #expect(!delivered.isEmpty && delivered == Array(positions.prefix(delivered.count)))
            for reader in readers { await reader.connection.close() }
        }
    }

    @Test("A read whose task is cancelled ends")
    func cancelled() async throws {
        try await withLog { site, _ in
            let (first, second) = try await (reader(of: site), reader(of: site))
            let (begun, hasBegun) = AsyncStream.makeStream(of: Void.self)
            let read = Task {
                try await ParallelReader(first, helper: { second }, stretch: 50, bytesAhead: 1)
                    .read(after: .zero, through: 3000) { _ in
                        hasBegun.finish()
                        try await Task.sleep(for: .seconds(600))
                    }
            }
            for await _ in begun {}
            read.cancel()
            await #expect(throws: CancellationError.self) { try await read.value }
            for reader in [first, second] { await reader.connection.close() }
        }
    }
}
