/// Events in the order of their positions, read together and dispatched together.
///
/// Immutable, and one piece of memory for all of them: an event, a payload and a text read from it are references into
/// it. At most `BatchSize` events; never empty when it comes from a reader.
public struct EventBatch: Sendable, RandomAccessCollection {
    let storage: BatchStorage
    /// The number of events.
    public let count: Int

    init(storage: BatchStorage) {
        self.storage = storage
        count = storage.layout.pointee.eventCount
    }

    /// 0.
    public var startIndex: Int {
        0
    }

    /// The number of events.
    public var endIndex: Int {
        count
    }

    /// The event at that place, the first being at 0.
    public subscript(index: Int) -> Event {
        precondition(index >= 0 && index < count, "an event's place in its batch is from 0 to \(count - 1)")
        return Event(storage: storage, index: Int32(truncatingIfNeeded: index))
    }

    /// The event at that place, to be applied while the batch is held: neither the event nor what is read from it keeps
    /// the batch in memory.
    ///
    /// In a debug build they do, so that a value kept against the rules at least keeps its content.
    package func borrow(_ index: Int) -> Event {
        #if DEBUG
            return self[index]
        #else
            precondition(index >= 0 && index < count, "an event's place in its batch is from 0 to \(count - 1)")
            return Event(storage: storage.borrowed, index: Int32(truncatingIfNeeded: index))
        #endif
    }

    /// The position of the first event; the batch is not empty.
    public var firstPosition: GlobalPosition {
        self[0].position
    }

    /// The position of the last event; the batch is not empty.
    public var lastPosition: GlobalPosition {
        self[count - 1].position
    }
}
