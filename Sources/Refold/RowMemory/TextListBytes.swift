internal import Glibc

/// How a list or set of texts is stored in a blob: for each text its length in bytes, 32 bits, then the bytes.
package enum TextListBytes {
    private static let prefix = 4

    static func length(of text: UnsafeRawBufferPointer) -> Int { prefix + text.count }

    /// Writes one text; returns the offset behind it.
    static func write(_ text: UnsafeRawBufferPointer, to bytes: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
        bytes.storeBytes(of: UInt32(text.count), toByteOffset: offset, as: UInt32.self)
        let end = offset + prefix + text.count
        UnsafeMutableRawBufferPointer(rebasing: bytes[(offset + prefix)..<end]).copyMemory(from: text)
        return end
    }

    /// The bytes of all texts together.
    static func length(of texts: [Text]) -> Int { texts.reduce(0) { $0 + prefix + $1.count } }

    static func blob(of texts: [Text], isSet: Bool, in memory: TableMemory) -> Blob {
        let table = isSet ? TextSetBytes.tableBytes(texts.count) : 0
        var blob = memory.allocate(length(of: texts), capacity: length(of: texts) + table)
        var offset = 0
        for text in texts {
            offset = text.withBytes { write($0, to: blob.mutableBytes, at: offset) }
        }
        if isSet { TextSetBytes.makeTable(in: &blob) }
        return blob
    }

    static func texts(in bytes: UnsafeRawBufferPointer) -> [Text] {
        var texts: [Text] = []
        forEach(in: bytes) { texts.append(Text(copying: $0)) }
        return texts
    }

    /// Calls the body with each text in order.
    package static func forEach(in bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) {
        var offset = 0
        while offset < bytes.count {
            body(text(in: bytes, at: offset))
            offset = end(in: bytes, at: offset)
        }
    }

    /// How many texts there are.
    static func count(in bytes: UnsafeRawBufferPointer) -> Int {
        var count = 0
        forEach(in: bytes) { _ in count += 1 }
        return count
    }

    /// The text that begins there.
    static func text(in bytes: UnsafeRawBufferPointer, at offset: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[(offset + prefix)..<end(in: bytes, at: offset)])
    }

    /// Where the text that begins there ends.
    static func end(in bytes: UnsafeRawBufferPointer, at offset: Int) -> Int {
        offset + prefix + count(in: bytes, at: offset)
    }

    /// Where a text belongs in a sorted list, as a byte offset; nil when it is there.
    static func insertionPoint(of text: UnsafeRawBufferPointer, inSorted bytes: UnsafeRawBufferPointer) -> Int? {
        var offset = 0
        while offset < bytes.count {
            let order = compare(self.text(in: bytes, at: offset), text)
            if order == 0 { return nil }
            if order > 0 { return offset }
            offset = end(in: bytes, at: offset)
        }
        return offset
    }

    private static func count(in bytes: UnsafeRawBufferPointer, at offset: Int) -> Int {
        Int(bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    /// Byte order of UTF-8, which is the order of code points.
    static func compare(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Int {
        let common = min(left.count, right.count)
        if common > 0 {
            let order = memcmp(left.baseAddress!, right.baseAddress!, common)
            if order != 0 { return Int(order) }
        }
        return left.count - right.count
    }
}
