/// A few event types, to test whether an event is wanted.
package struct EventTypeSet: Sendable {
    private let members: [Bool]
    private let bits: UInt64

    package init(_ types: [EventType]) {
        bits = types.reduce(0) { $0 | $1.bit }
        var members: [Bool] = []
        for type in types {
            let id = Int(type.id)
            if id >= members.count { members += Array(repeating: false, count: id + 1 - members.count) }
            members[id] = true
        }
        self.members = members
    }

    /// Whether it is one of the types.
    @inline(__always)
    package func contains(_ type: EventType) -> Bool {
        Int(type.id) < members.count && members[Int(type.id)]
    }

    /// False when no event of the batch is of one of the types, which is then known without touching the events.
    package func mayOccur(in batch: EventBatch) -> Bool { batch.storage.layout.pointee.typeBits & bits != 0 }

    /// Whether the event is of one of the types.
    package func contains(_ event: Event) -> Bool {
        guard let type = event.type else { return false }
        return contains(type)
    }
}
