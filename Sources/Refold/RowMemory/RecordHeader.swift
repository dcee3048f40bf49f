/// The fixed part at the start of every record.
///
/// | byte | content |
/// |---|---|
/// | 0 | hash of the key, 64 bits |
/// | 8 | `_position`: the last event that changed the row, 64 bits |
/// | 16 | number of the batch that last touched the record, 32 bits; flags, 32 bits |
/// | 24 | one bit for each column that is null |
/// | 32 | length of the key, 32 bits |
/// | 36 | the key, up to 52 bytes; of a longer one the pointer to its memory at byte 40 |
/// | 88 | the cells: 8 bytes for a number, 24 for a decimal, 16 for a blob (pointer, length, capacity) |
///
/// The key is kept in the record so that finding a row touches no third piece of memory: 52 bytes are enough for the
/// text of a UUID with an integer behind it.
enum RecordHeader {
    static let position = 8
    static let stamp = 16
    static let flags = 20
    static let nulls = 24
    static let keyCount = 32
    static let inlineKey = 36
    static let inlineKeyCapacity = 52
    static let longKey = 40
    static let bytes = 88
}

/// What is known of a record.
struct RecordFlags: OptionSet {
    let rawValue: UInt32

    /// The row exists; without it the record says that it is known not to.
    static let present = RecordFlags(rawValue: 1)
    /// Changed since the last commit window was taken.
    static let dirty = RecordFlags(rawValue: 2)
    /// The database holds the row, or will once the window in flight has committed.
    static let stored = RecordFlags(rawValue: 4)
}

typealias Record = UnsafeMutableRawPointer

extension Record {
    @inline(__always)
    var hashWord: UInt64 { load(as: UInt64.self) }

    @inline(__always)
    var position: Int64 {
        get { load(fromByteOffset: RecordHeader.position, as: Int64.self) }
        nonmutating set { storeBytes(of: newValue, toByteOffset: RecordHeader.position, as: Int64.self) }
    }

    @inline(__always)
    var stamp: UInt32 {
        get { load(fromByteOffset: RecordHeader.stamp, as: UInt32.self) }
        nonmutating set { storeBytes(of: newValue, toByteOffset: RecordHeader.stamp, as: UInt32.self) }
    }

    @inline(__always)
    var flags: RecordFlags {
        get { RecordFlags(rawValue: load(fromByteOffset: RecordHeader.flags, as: UInt32.self)) }
        nonmutating set { storeBytes(of: newValue.rawValue, toByteOffset: RecordHeader.flags, as: UInt32.self) }
    }

    @inline(__always)
    var nulls: UInt64 {
        get { word(RecordHeader.nulls) }
        nonmutating set { setWord(RecordHeader.nulls, newValue) }
    }

    @inline(__always)
    func word(_ offset: Int) -> UInt64 { load(fromByteOffset: offset, as: UInt64.self) }

    @inline(__always)
    func setWord(_ offset: Int, _ value: UInt64) { storeBytes(of: value, toByteOffset: offset, as: UInt64.self) }

    @inline(__always)
    var key: UnsafeRawBufferPointer {
        let count = Int(load(fromByteOffset: RecordHeader.keyCount, as: UInt32.self))
        let start =
            count <= RecordHeader.inlineKeyCapacity
            ? UnsafeRawPointer(self + RecordHeader.inlineKey)
            : load(fromByteOffset: RecordHeader.longKey, as: UnsafeRawPointer.self)
        return UnsafeRawBufferPointer(start: start, count: count)
    }

    /// Copies a key into a fresh record; a long one goes into memory beside it.
    func setKey(_ key: UnsafeRawBufferPointer, memory: (Int) -> UnsafeMutableRawPointer?) {
        storeBytes(of: UInt32(key.count), toByteOffset: RecordHeader.keyCount, as: UInt32.self)
        if key.count <= RecordHeader.inlineKeyCapacity {
            if let source = key.baseAddress {
                (self + RecordHeader.inlineKey).copyMemory(from: source, byteCount: key.count)
            }
            return
        }
        let memory = memory(key.count)
        UnsafeMutableRawBufferPointer(start: memory, count: key.count).copyMemory(from: key)
        storeBytes(of: memory, toByteOffset: RecordHeader.longKey, as: UnsafeMutableRawPointer?.self)
    }

    /// Says that a long key has moved.
    func setLongKey(_ key: Blob) {
        storeBytes(of: key.pointer, toByteOffset: RecordHeader.longKey, as: UnsafeMutableRawPointer?.self)
    }

    /// The memory of a long key; empty when the key is in the record.
    var longKey: Blob {
        let key = key
        if key.count <= RecordHeader.inlineKeyCapacity { return .empty }
        return Blob(
            pointer: UnsafeMutableRawPointer(mutating: key.baseAddress),
            count: key.count,
            capacity: RowHeap.rounded(key.count)
        )
    }

    @inline(__always)
    func blob(_ offset: Int) -> Blob { load(fromByteOffset: offset, as: Blob.self) }

    @inline(__always)
    func setBlob(_ offset: Int, _ value: Blob) { storeBytes(of: value, toByteOffset: offset, as: Blob.self) }
}
