internal import CSimdjson

#if canImport(Glibc)
    internal import Glibc
#endif

/// The declared event types, found by the bytes of their names.
package struct EventTypeCatalog: Sendable {
    /// The declared types, each once, in the order of their names.
    package let types: [EventType]

    private struct Slot {
        var hash: UInt64 = 0
        /// Where the name is in `names`.
        var start = 0
        var count = 0
        /// The type's id, or -1 in a free slot.
        var id: Int32 = -1
    }

    /// Open addressing: a power of two of slots, at most half of them used.
    private let slots: [Slot]
    private let names: [UInt8]

    package init(_ types: some Sequence<EventType>) {
        self.types = Set(types).sorted { $0.name < $1.name }
        var places = 8
        while places < self.types.count * 2 {
            places *= 2
        }
        var slots = [Slot](repeating: Slot(), count: places)
        var names: [UInt8] = []
        for type in self.types {
            let name = Array(type.name.utf8)
            let slot = Slot(hash: refold_hash(name, name.count), start: names.count, count: name.count, id: type.id)
            names += name
            var place = Int(truncatingIfNeeded: slot.hash) & (places - 1)
            while slots[place].id >= 0 {
                place = (place + 1) & (places - 1)
            }
            slots[place] = slot
        }
        self.slots = slots
        self.names = names
    }

    /// The declared type of that name, or nil.
    package subscript(name name: UnsafeRawBufferPointer) -> EventType? {
        guard let start = name.baseAddress else {
            return nil
        }
        let hash = refold_hash(start.assumingMemoryBound(to: UInt8.self), name.count)
        var place = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[place].id >= 0 {
            let slot = slots[place]
            if slot.hash == hash, slot.count == name.count, isName(start, of: slot) {
                return EventType(id: slot.id)
            }
            place = (place + 1) & (slots.count - 1)
        }
        return nil
    }

    private func isName(_ start: UnsafeRawPointer, of slot: Slot) -> Bool {
        names.withUnsafeBytes { names in
            slot.count == 0 || memcmp(start, names.baseAddress! + slot.start, slot.count) == 0
        }
    }
}
