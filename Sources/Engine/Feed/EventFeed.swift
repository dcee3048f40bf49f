package import EventStore
package import Logging
package import Refold
package import Timing

/// One read of the event store that feeds every projection at about the same position.
///
/// A projection joins with the position it has; from the next cycle on it gets every block, and passes over events that
/// it has already. One that is far behind reads on its own until it has caught up.
package actor EventFeed {
    /// How far a projection may be behind to join; the others wait while it is read forward.
    package static let joiningDistance: Int64 = 10_000
    /// One cycle reads at most this many positions, so that a projection that wants to join waits no longer.
    private static let cyclePositions: Int64 = 1_000_000
    /// How long a full inbox may hold up the others before its projection has to read on its own.
    private static let timeout: Duration = .seconds(1)

    private let source: any EventSource
    private let time: TimeSource
    private let logger: Logger
    private let detachesSlow: Bool
    private let passed: @Sendable (GapLog) async throws -> Void
    private var members: [(inbox: Inbox, projection: ProjectionName?)] = []
    private var joining: [(inbox: Inbox, position: GlobalPosition, projection: ProjectionName?)] = []
    /// Everything up to here has been delivered; nil before anybody has joined.
    package private(set) var position: GlobalPosition?
    private var isStopping = false
    /// ``run(until:)`` has ended; inboxes handed out from here on are empty.
    package private(set) var hasFinished = false

    /// - Parameters:
    ///   - detachesSlow: a projection that keeps the others waiting is made to read on its own.
    ///   - passed: receives the positions that held no event when they were passed.
    package init(
        source: any EventSource,
        detachesSlow: Bool,
        time: TimeSource = .machine,
        logger: Logger,
        passed: @escaping @Sendable (GapLog) async throws -> Void = { _ in }
    ) {
        self.source = source
        self.passed = passed
        self.detachesSlow = detachesSlow
        self.time = time
        self.logger = logger
    }

    /// Adds a projection that has everything up to `position`; nil when it has to catch up first.
    package func join(at position: GlobalPosition, for projection: ProjectionName? = nil) -> Inbox? {
        if let current = self.position, current.rawValue - position.rawValue > Self.joiningDistance { return nil }
        let inbox = Inbox()
        if isStopping || hasFinished { inbox.finish() } else { joining.append((inbox, position, projection)) }
        return inbox
    }

    /// Sets where the first cycle begins, so that those far behind it read on their own.
    package func begin(at position: GlobalPosition?) {
        self.position = position
    }

    /// Ends all inboxes after the block in hand; ``run(until:)`` returns.
    package func stop() {
        isStopping = true
    }

    /// Reads until everything up to the goal has been delivered, or until ``stop()``.
    ///
    /// - Parameter goal: a position, or nil to follow the log for ever.
    package func run(until goal: GlobalPosition?) async throws {
        defer { finish() }
        var wasEmpty = false
        while !isStopping {
            let someoneJoins = !joining.isEmpty
            if goal == nil && members.isEmpty && !someoneJoins {
                // Nobody to read for: the mark is not looked at either.
                try await time.sleep(for: .milliseconds(20))
                continue
            }
            let start = admitJoining()
            if let goal, let start, start >= goal {
                if someoneJoins && !isStopping { try await broadcast(FeedBlock(headAt: start)) }
                return
            }
            let mark = try await source.mark(after: start ?? GlobalPosition(Int64.max))
            guard let start else { continue }
            let end = min(mark, goal ?? mark)
            let limit = try await self.limit(of: start, end, isInHole: wasEmpty).rawValue
            if limit > start.rawValue {
                wasEmpty = try await deliver(after: start, through: GlobalPosition(limit), mark: mark) == 0
            } else if someoneJoins && !isStopping {
                try await broadcast(FeedBlock(headAt: start))
            }
            if let goal, limit >= goal.rawValue { return }
        }
    }

    /// How far a cycle reads. In a hole, at least to the next event: however long the hole, it is one step.
    private func limit(
        of start: GlobalPosition,
        _ end: GlobalPosition,
        isInHole: Bool
    ) async throws -> GlobalPosition {
        guard end.rawValue - start.rawValue > Self.cyclePositions else { return end }
        let next = isInHole ? try await source.firstPosition(after: start, through: end) : start
        guard let next, end.rawValue - next.rawValue > Self.cyclePositions else { return end }
        return GlobalPosition(next.rawValue + Self.cyclePositions)
    }

    private func admitJoining() -> GlobalPosition? {
        guard !joining.isEmpty else { return position }
        let others = members.isEmpty ? [] : [position].compactMap { $0 }
        let start = (joining.map(\.position) + others).min()
        members += joining.map { ($0.inbox, $0.projection) }
        joining.removeAll()
        // Back to the position of the last of them: a cycle that ends before it has caught up, since the mark is held,
        // must not leave out for it what the others have.
        position = start
        return start
    }

    /// - Returns: the number of events.
    private func deliver(
        after start: GlobalPosition,
        through end: GlobalPosition,
        mark: GlobalPosition
    ) async throws -> Int {
        position = start
        var count = 0
        do {
            try await source.read(after: start, through: end) { block in
                count += block.count
                try await self.broadcast(FeedBlock(block, mark: mark))
                try await self.passed(block.holes)
            }
        } catch is FeedStopped {}
        return count
    }

    private func broadcast(_ block: FeedBlock) async throws {
        if isStopping { throw FeedStopped() }
        for (inbox, projection) in members {
            let mayDetach = detachesSlow && members.count > 1
            if mayDetach, await !hasRoom(inbox) {
                logger.warning(
                    "a projection keeps the others waiting and reads on its own from here",
                    metadata: ["projection": "\(projection?.rawValue ?? "")"]
                )
                inbox.finish()
            }
            if !(await inbox.send(block)) { members.removeAll { $0.inbox === inbox } }
        }
        position = max(position ?? block.through, block.through)
    }

    /// Whether a full inbox gets room within ``timeout``.
    private func hasRoom(_ inbox: Inbox) async -> Bool {
        let deadline = time.now + Self.timeout
        while inbox.isFull {
            if time.now > deadline || isStopping { return false }
            try? await time.sleep(for: .milliseconds(5))
        }
        return true
    }

    private func finish() {
        for inbox in members.map(\.inbox) + joining.map(\.inbox) { inbox.finish() }
        members.removeAll()
        joining.removeAll()
        hasFinished = true
    }
}

/// Ends a read in the middle because the feed is stopping.
private struct FeedStopped: Error {}

/// Where a feed gets its events from.
package protocol EventSource: Sendable {
    /// The high-water mark; when it is not above `position`, waits the idle interval for it to rise.
    func mark(after position: GlobalPosition) async throws -> GlobalPosition

    /// The first position of a range, at or below the mark, that holds an event; nil when none does.
    func firstPosition(after: GlobalPosition, through: GlobalPosition) async throws -> GlobalPosition?

    /// Reads all events after one position up to another, at or below the mark, in order.
    nonisolated(nonsending) func read(
        after: GlobalPosition,
        through: GlobalPosition,
        deliver: (EventBlock) async throws -> Void
    ) async throws
}
