package import EventStore
package import Refold

/// Consecutive events for every projection that reads along.
package struct FeedBlock: Sendable {
    package let batches: [EventBatch]
    /// The position after which it begins: a projection that lacks anything up to here must not take it.
    package let after: GlobalPosition
    /// All events up to here have been delivered with this block and those before it; holes included.
    package let through: GlobalPosition
    /// The high-water mark when it was read.
    package let mark: GlobalPosition
    /// Nothing more is known to follow: commit rather than wait.
    package let isAtHead: Bool

    /// No events: tells a projection that joins at the head that it is there.
    package init(headAt position: GlobalPosition) {
        batches = []
        after = position
        through = position
        mark = position
        isAtHead = true
    }

    package init(_ block: EventBlock, mark: GlobalPosition) {
        batches = block.batches
        after = block.after
        through = block.through
        self.mark = mark
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
