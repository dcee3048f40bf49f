package import Engine
package import EventStore
package import Refold
internal import Synchronization

/// A log in memory whose mark the test moves: positions hold an event each, except for some.
package final class FakeLog: EventSource {
    private struct State {
        var mark: Int64 = 0
        var reads: [ClosedRange<Int64>] = []
        var failure: (any Error)?
    }

    private let state = Mutex(State())
    private let holes: Set<Int64>
    private let blockLength: Int64

    /// - Parameters:
    ///   - mark: where the log ends at first.
    ///   - blockLength: positions that are delivered together.
    package init(through mark: Int64, holes: Set<Int64> = [], blockLength: Int64 = 10) {
        self.holes = holes
        self.blockLength = blockLength
        state.withLock { $0.mark = mark }
    }

    /// What was read so far, as ranges of positions.
    package var reads: [ClosedRange<Int64>] { state.withLock { $0.reads } }

    package func grow(to mark: Int64) { state.withLock { $0.mark = mark } }

    /// Makes the next look at the mark fail.
    package func fail(with error: any Error) { state.withLock { $0.failure = error } }

    package func mark(after position: GlobalPosition) async throws -> GlobalPosition {
        let mark = try state.withLock { state in
            if let failure = state.failure { throw failure }
            return state.mark
        }
        if mark <= position.rawValue { await Task.yield() }
        return GlobalPosition(mark)
    }

    package func firstPosition(after: GlobalPosition, through: GlobalPosition) async throws -> GlobalPosition? {
        guard after < through else { return nil }
        return ((after.rawValue + 1)...through.rawValue).first { !holes.contains($0) }.map { GlobalPosition($0) }
    }

    package nonisolated(nonsending) func read(
        after: GlobalPosition,
        through: GlobalPosition,
        deliver: (EventBlock) async throws -> Void
    ) async throws {
        state.withLock { $0.reads.append((after.rawValue + 1)...through.rawValue) }
        var start = after.rawValue
        while start < through.rawValue {
            let end = min(start + blockLength, through.rawValue)
            try await deliver(Self.block(after: start, through: end, holes: holes, isLast: end == through.rawValue))
            start = end
        }
    }

    package static func block(
        after: Int64,
        through: Int64,
        holes: Set<Int64> = [],
        isLast: Bool = true
    ) -> EventBlock {
        let positions = ((after + 1)...through).filter { !holes.contains($0) }
        return block(after: after, through: through, positions: positions, isLast: isLast)
    }

    package static func block(after: Int64, through: Int64, positions: [Int64], isLast: Bool = true) -> EventBlock {
        var builder = EventBatchBuilder(types: EventTypeCatalog([.put]), reads: [])
        var passed = GapLog(after: GlobalPosition(after))
        for position in positions {
            passed.pass(GlobalPosition(position))
            Array("thing.put".utf8).withUnsafeBytes { type in
                Array("{}".utf8).withUnsafeBytes { payload in
                    _ = builder.append(
                        position: position,
                        type: type,
                        timestamp: 0,
                        payload: payload,
                        metadata: nil,
                        streamID: nil
                    )
                }
            }
        }
        passed.pass(emptyThrough: GlobalPosition(through))
        return EventBlock(
            batches: builder.count > 0 ? [builder.finish()] : [],
            after: GlobalPosition(after),
            through: GlobalPosition(through),
            holes: passed,
            isLast: isLast
        )
    }
}

/// A log in memory with few events, however far apart.
package final class SparseLog: EventSource {
    private let positions: [Int64]
    private let reads = Mutex(0)

    package init(_ positions: [Int64]) {
        self.positions = positions
    }

    /// How many reads there were.
    package var readCount: Int { reads.withLock { $0 } }

    package func mark(after position: GlobalPosition) async throws -> GlobalPosition {
        GlobalPosition(positions.last ?? 0)
    }

    package func firstPosition(after: GlobalPosition, through: GlobalPosition) async throws -> GlobalPosition? {
        positions.first { $0 > after.rawValue && $0 <= through.rawValue }.map { GlobalPosition($0) }
    }

    package nonisolated(nonsending) func read(
        after: GlobalPosition,
        through: GlobalPosition,
        deliver: (EventBlock) async throws -> Void
    ) async throws {
        reads.withLock { $0 += 1 }
        let found = positions.filter { $0 > after.rawValue && $0 <= through.rawValue }
        try await deliver(FakeLog.block(after: after.rawValue, through: through.rawValue, positions: found))
    }
}

extension FeedBlock {
    /// A block of a log that ends at `mark`.
    package static func block(after: Int64, through: Int64, mark: Int64 = .max) -> FeedBlock {
        FeedBlock(FakeLog.block(after: after, through: through), mark: GlobalPosition(mark))
    }

    package var positions: [Int64] { batches.flatMap { batch in batch.map(\.position.rawValue) } }
}

/// Takes everything from an inbox until it is finished.
package func takeAll(_ inbox: Inbox) async -> [FeedBlock] {
    var blocks: [FeedBlock] = []
    while let block = await inbox.next() { blocks.append(block) }
    return blocks
}
