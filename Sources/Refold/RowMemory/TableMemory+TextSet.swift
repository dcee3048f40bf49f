/// Sets of texts are changed in place, as number sets are.
extension TableMemory {
    /// Adds a member; false when it was there already, or when the set would be too large, which refuses the event.
    func insertText(_ member: UnsafeRawBufferPointer, into record: Record, at offset: Int) -> Bool {
        var blob = record.blob(offset)
        guard let place = TextSetBytes.place(of: member, in: blob) else { return false }
        let length = TextListBytes.length(of: member)
        let count = blob.count + length
        guard isAllowed(count, in: offset) else { return false }
        touch(record)
        undo.append(
            .init(
                record: record,
                first: UInt64(place.offset),
                second: 0,
                offset: UInt16(offset),
                table: UInt8(tableIndex),
                kind: .text
            )
        )
        let needed = TextSetBytes.capacity(for: count, adding: 1, to: blob)
        if needed > blob.capacity {
            let larger = allocate(blob.count, capacity: max(needed, blob.capacity + blob.capacity / 4))
            TextSetBytes.copy(blob, to: larger)
            release(blob)
            blob = larger
        }
        TextSetBytes.insert(member, at: place, into: &blob)
        record.setBlob(offset, blob)
        return true
    }

    /// Takes back what ``insertText(_:into:at:)`` added, down to the same bytes.
    func removeText(at place: Int, from record: Record, at offset: Int) {
        var blob = record.blob(offset)
        TextSetBytes.remove(at: place, from: &blob)
        record.setBlob(offset, blob)
    }

    /// A blob of texts in the form of ``TextListBytes``, sorted where the column is a set.
    func copyTexts(_ bytes: UnsafeRawBufferPointer, isSet: Bool) -> Blob {
        guard isSet else { return copy(bytes) }
        var blob = allocate(bytes.count, capacity: TextSetBytes.capacity(of: bytes))
        blob.mutableBytes.copyMemory(from: bytes)
        TextSetBytes.makeTable(in: &blob)
        return blob
    }
}

/// How a set of texts is stored in a blob: as ``TextListBytes``, sorted. Behind them, at the end of the memory of a set
/// of some length, is a table for finding members: from the end their number, then the offset of each, 32 bits.
enum TextSetBytes {
    /// Sets of more bytes have a table; those of fewer are searched from the start.
    private static let tableFrom = 512

    /// Where a member belongs.
    struct Place {
        let offset: Int
        /// How many members are before it; not known without a table.
        let index: Int
    }

    // MARK: Searching

    /// Where a member belongs; nil when it is there.
    static func place(of member: UnsafeRawBufferPointer, in blob: Blob) -> Place? {
        let bytes = blob.bytes
        guard bytes.count > tableFrom else {
            return TextListBytes.insertionPoint(of: member, inSorted: bytes).map { Place(offset: $0, index: 0) }
        }
        let table = table(of: blob)
        var (low, high) = (0, Int(table[0]))
        while low < high {
            let middle = (low + high) / 2
            let order = TextListBytes.compare(TextListBytes.text(in: bytes, at: Int(table[-1 - middle])), member)
            if order == 0 { return nil }
            if order < 0 { low = middle + 1 } else { high = middle }
        }
        return Place(offset: low < Int(table[0]) ? Int(table[-1 - low]) : bytes.count, index: low)
    }

    /// The table's last word, the number of members; the offset of the first is before it, and so on downwards.
    private static func table(of blob: Blob) -> UnsafeMutablePointer<UInt32> {
        let end = blob.memory.baseAddress! + blob.capacity
        return (end - 4).assumingMemoryBound(to: UInt32.self)
    }

    // MARK: Memory

    /// The memory that so many bytes take, with so many members more than a set has.
    static func capacity(for count: Int, adding more: Int, to blob: Blob) -> Int {
        guard count > tableFrom else { return count }
        let members = blob.count > tableFrom ? Int(table(of: blob)[0]) : TextListBytes.count(in: blob.bytes)
        return capacity(for: count, members: members + more)
    }

    static func capacity(of bytes: UnsafeRawBufferPointer) -> Int {
        bytes.count > tableFrom
            ? capacity(for: bytes.count, members: TextListBytes.count(in: bytes)) : bytes.count
    }

    private static func capacity(for count: Int, members: Int) -> Int { count + tableBytes(members) }

    /// What the table of so many members takes. Memory is a multiple of 16 bytes, so that its end is aligned.
    static func tableBytes(_ members: Int) -> Int { 4 * (members + 1) }

    static func copy(_ blob: Blob, to larger: Blob) {
        larger.mutableBytes.copyMemory(from: blob.bytes)
        guard blob.count > tableFrom else { return }
        let (old, new) = (table(of: blob), table(of: larger))
        let members = Int(old[0])
        (new - members).update(from: old - members, count: members + 1)
    }

    /// Writes the table of a set that has none yet.
    static func makeTable(in blob: inout Blob) {
        guard blob.count > tableFrom else { return }
        let table = table(of: blob)
        var (offset, members) = (0, 0)
        while offset < blob.count {
            table[-1 - members] = UInt32(offset)
            members += 1
            offset = TextListBytes.end(in: blob.bytes, at: offset)
        }
        table[0] = UInt32(members)
    }

    // MARK: Changing

    static func insert(_ member: UnsafeRawBufferPointer, at place: Place, into blob: inout Blob) {
        let length = TextListBytes.length(of: member)
        let old = blob.count
        blob.setCount(old + length)
        let start = blob.mutableBytes.baseAddress! + place.offset
        (start + length).copyMemory(from: start, byteCount: old - place.offset)
        _ = TextListBytes.write(member, to: blob.mutableBytes, at: place.offset)
        if old <= tableFrom { return makeTable(in: &blob) }
        let table = table(of: blob)
        var index = Int(table[0])
        table[0] += 1
        while index > place.index {
            table[-1 - index] = table[-index] + UInt32(length)
            index -= 1
        }
        table[-1 - index] = UInt32(place.offset)
    }

    static func remove(at offset: Int, from blob: inout Blob) {
        let length = TextListBytes.end(in: blob.bytes, at: offset) - offset
        if blob.count - length > tableFrom {
            let table = table(of: blob)
            let members = Int(table[0])
            var (low, high) = (0, members)
            while low < high {
                let middle = (low + high) / 2
                if Int(table[-1 - middle]) < offset { low = middle + 1 } else { high = middle }
            }
            for index in low..<(members - 1) { table[-1 - index] = table[-2 - index] - UInt32(length) }
            table[0] -= 1
        }
        let start = blob.mutableBytes.baseAddress! + offset
        start.copyMemory(from: start + length, byteCount: blob.count - offset - length)
        blob.setCount(blob.count - length)
    }
}
