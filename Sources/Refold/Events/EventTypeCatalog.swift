internal import CSimdjson

/// The event types that somebody declared, found by the bytes of their names.
package struct EventTypeCatalog: Sendable {
    /// The declared types, each once, in the order of their names.
    package let types: [EventType]

    private struct Slot {
        var hash: UInt64
        var name: Text
        var type: EventType
    }

    /// Open addressing: a power of two of places, at most half of them taken.
    private let slots: [Slot?]

    package init(_ types: some Sequence<EventType>) {
        self.types = Set(types).sorted { $0.name < $1.name }
        var places = 8
        while places < self.types.count * 2 {
            places *= 2
        }
        var slots = [Slot?](repeating: nil, count: places)
        for type in self.types {
            let name = Text(type.name)
            let slot = Slot(hash: name.stableHash, name: name, type: type)
            var place = Int(truncatingIfNeeded: slot.hash) & (places - 1)
            while slots[place] != nil {
                place = (place + 1) & (places - 1)
            }
            slots[place] = slot
        }
        self.slots = slots
    }

    /// The declared type of that name, or nil.
    package subscript(name name: UnsafeRawBufferPointer) -> EventType? {
        guard let start = name.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
            return nil
        }
        let hash = refold_hash(start, name.count)
        var place = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while let slot = slots[place] {
            if slot.hash == hash, slot.name.withBytes({ $0.elementsEqual(name) }) {
                return slot.type
            }
            place = (place + 1) & (slots.count - 1)
        }
        return nil
    }
}
