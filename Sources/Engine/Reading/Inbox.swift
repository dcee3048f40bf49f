internal import DequeModule
package import EventStore
package import Refold
internal import Synchronization

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

/// A bounded queue between the one reader and one projection.
///
/// One sender, one receiver. A full inbox makes the sender wait, so that a slow projection slows the reading and not the
/// memory.
package final class Inbox: Sendable {
    /// Blocks that may wait; each has at most some thousands of events.
    package static let capacity = 4

    private struct State {
        var blocks: Deque<FeedBlock> = []
        var isFinished = false
        var isAbandoned = false
        var receiver: CheckedContinuation<Void, Never>?
        var sender: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    package init() {}

    /// Queues a block, waiting while the inbox is full.
    ///
    /// - Returns: false when the receiver has gone.
    package func send(_ block: FeedBlock) async -> Bool {
        while true {
            let sent: Bool? = state.withLock { state in
                if state.isAbandoned || state.isFinished { return false }
                if state.blocks.count >= Self.capacity { return nil }
                state.blocks.append(block)
                state.receiver.take()?.resume()
                return true
            }
            if let sent { return sent }
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state in
                    if state.blocks.count < Self.capacity || state.isAbandoned || state.isFinished { return true }
                    state.sender = continuation
                    return false
                }
                if isReady { continuation.resume() }
            }
        }
    }

    /// The next block; nil when the sender has finished and everything was taken.
    package func next() async -> FeedBlock? {
        while true {
            let taken: FeedBlock?? = state.withLock { state in
                if let block = state.blocks.popFirst() {
                    state.sender.take()?.resume()
                    return block
                }
                return state.isFinished ? .some(nil) : nil
            }
            if let taken { return taken }
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state in
                    if !state.blocks.isEmpty || state.isFinished { return true }
                    state.receiver = continuation
                    return false
                }
                if isReady { continuation.resume() }
            }
        }
    }

    /// Whether nothing is waiting.
    package var isEmpty: Bool { state.withLock { $0.blocks.isEmpty } }

    /// Whether the sender has to wait.
    package var isFull: Bool { state.withLock { $0.blocks.count >= Self.capacity } }

    /// Says that nothing more comes. What waits can still be taken.
    package func finish() {
        state.withLock { state in
            state.isFinished = true
            state.receiver.take()?.resume()
            state.sender.take()?.resume()
        }
    }

    /// Says that nobody takes any more.
    package func abandon() {
        state.withLock { state in
            state.isAbandoned = true
            state.isFinished = true
            state.blocks.removeAll()
            state.receiver.take()?.resume()
            state.sender.take()?.resume()
        }
    }
}
