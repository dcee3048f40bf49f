package import EventStore
package import Refold

/// Consecutive events for every projection that reads along.
package struct FeedBlock: Sendable {
    package let batches: [EventBatch]
    /// All events up to here have been delivered with this block and those before it; holes included.
    package let through: GlobalPosition
    /// Nothing more is known to follow: commit rather than wait.
    package let isAtHead: Bool

    /// No events: says to those who join at the head that they are there.
    package init(headAt position: GlobalPosition) {
        batches = []
        through = position
        isAtHead = true
    }

    package init(_ block: EventBlock, mark: GlobalPosition) {
        batches = block.batches
        through = block.through
        isAtHead = block.through >= mark
    }
}

/// What waits for one projection.
package typealias Inbox = BoundedQueue<FeedBlock>

extension Inbox {
    /// Blocks that may wait; each has at most some thousands of events.
    package static var capacity: Int { 4 }

    package convenience init() { self.init(capacity: Self.capacity) }
}
