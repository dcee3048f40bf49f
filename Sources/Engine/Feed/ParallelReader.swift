package import EventStore
package import Refold
internal import Synchronization

/// Reads a long range over two sessions at once, and delivers it in order.
///
/// One session alone is slower than either the server or the fold: it and the server pass each socket buffer back and
/// forth and wait for each other, and a processor that ran out of events to fold idles meanwhile. So the range is cut
/// into stretches; whichever session is free reads the next one, and what comes before its turn waits.
package struct ParallelReader: Sendable {
    /// Positions that one session reads in a row, in one COPY.
    package static let stretch: Int64 = 32_768
    /// Bytes of payloads that each session reads ahead, and a block more.
    package static let bytesAhead = 8 << 20

    private let reader: EventReader
    private let helper: @Sendable () async -> EventReader?
    private let stretch: Int64
    private let bytesAhead: Int

    /// - Parameters:
    ///   - helper: the second session; nil when none is available, and the first reads alone.
    ///   - stretch: positions; at least 1.
    package init(
        _ reader: EventReader,
        helper: @escaping @Sendable () async -> EventReader?,
        stretch: Int64 = Self.stretch,
        bytesAhead: Int = Self.bytesAhead
    ) {
        self.reader = reader
        self.helper = helper
        self.stretch = max(1, stretch)
        self.bytesAhead = bytesAhead
    }

    /// As `EventReader.read(after:through:deliver:)`, for a range that is not empty.
    package nonisolated(nonsending) func read(
        after: GlobalPosition,
        through: GlobalPosition,
        deliver: (EventBlock) async throws -> Void
    ) async throws {
        let stretches = Stretches(after: after, through: through, length: stretch)
        let queues = (0..<2).map { _ in
            BoundedQueue<EventBlock>(capacity: bytesAhead) { $0.byteCount }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for session in queues.indices {
                group.addTask {
                    defer { queues[session].finish() }
                    guard let reader = session == 0 ? reader : await helper() else { return }
                    do {
                        try await self.read(stretches, into: queues[session], over: reader, as: session)
                    } catch {
                        stretches.end()
                        throw error
                    }
                }
            }
            do {
                let reached = try await deliverAll(of: stretches, from: queues, after, through, deliver)
                // A session that ended early failed or was cancelled; the other may wait for its turn.
                if reached < through { for queue in queues { queue.abandon() } }
                try await group.waitForAll()
                if reached < through { throw CancellationError() }
            } catch {
                for queue in queues { queue.abandon() }
                throw error
            }
        }
    }

    private func read(
        _ stretches: Stretches,
        into queue: BoundedQueue<EventBlock>,
        over reader: EventReader,
        as session: Int
    ) async throws {
        while let (after, through) = stretches.next(for: session) {
            var isEmpty = true
            try await reader.read(after: after, through: through) { block in
                if !block.batches.isEmpty { isEmpty = false }
                guard await queue.send(block) else { throw CancellationError() }
            }
            guard isEmpty, through < stretches.through else { continue }
            stretches.nextEvent(is: try await reader.firstPosition(after: through, through: stretches.through))
        }
    }

    /// - Returns: how far it got.
    private nonisolated(nonsending) func deliverAll(
        of stretches: Stretches,
        from queues: [BoundedQueue<EventBlock>],
        _ after: GlobalPosition,
        _ through: GlobalPosition,
        _ deliver: (EventBlock) async throws -> Void
    ) async throws -> GlobalPosition {
        var position = after
        for await stretch in stretches.assignments {
            while position < stretch.through {
                guard let block = await queues[stretch.session].next() else { return position }
                try await deliver(block)
                try Task.checkCancellation()
                position = block.through
            }
            if position == through { break }
        }
        return position
    }
}

/// The stretches of a range, taken one after the other by whichever session is free.
private final class Stretches: Sendable {
    struct Assignment: Sendable {
        let session: Int
        let through: GlobalPosition
    }

    private struct State {
        /// Where the next one begins.
        var next: GlobalPosition
        /// No event is found from there up to here.
        var emptyThrough: GlobalPosition
    }

    let through: GlobalPosition
    private let length: Int64
    private let state: Mutex<State>
    /// Which session reads each stretch, in order.
    let assignments: AsyncStream<Assignment>
    private let assigned: AsyncStream<Assignment>.Continuation

    init(after: GlobalPosition, through: GlobalPosition, length: Int64) {
        self.through = through
        self.length = length
        state = Mutex(State(next: after, emptyThrough: after))
        (assignments, assigned) = AsyncStream.makeStream()
    }

    /// The next stretch, for a session to read; nil when all are taken.
    func next(for session: Int) -> (after: GlobalPosition, through: GlobalPosition)? {
        state.withLock { state in
            guard state.next < through else { return nil }
            let after = state.next
            // A long hole is one stretch.
            let isLast = through.rawValue - after.rawValue <= length
            let end = isLast ? through : GlobalPosition(after.rawValue + length)
            state.next = max(end, state.emptyThrough)
            assigned.yield(Assignment(session: session, through: state.next))
            return (after, state.next)
        }
    }

    /// Records the position of the first event after an empty stretch; nil when none is left.
    func nextEvent(is position: GlobalPosition?) {
        let emptyThrough = position.map { GlobalPosition($0.rawValue - 1) } ?? through
        state.withLock { $0.emptyThrough = max($0.emptyThrough, emptyThrough) }
    }

    /// No more are read, although some may be left.
    func end() { assigned.finish() }
}
