/// The fixed part at the start of every record.
///
/// | byte | content |
/// |---|---|
/// | 0 | hash of the key, 64 bits |
/// | 8 | `_position`: the last event that changed the row, 64 bits |
/// | 16 | number of the batch that last touched the record, 32 bits; flags, 32 bits |
/// | 24 | one bit for each column that is null |
/// | 32 | the key's bytes: a blob cell |
/// | 48 | the cells: 8 bytes for a number, 16 for a blob (pointer, length, capacity) |
enum RecordHeader {
    static let position = 8
    static let stamp = 16
    static let flags = 20
    static let nulls = 24
    static let key = 32
    static let bytes = 48
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
    func blob(_ offset: Int) -> Blob { load(fromByteOffset: offset, as: Blob.self) }

    @inline(__always)
    func setBlob(_ offset: Int, _ value: Blob) { storeBytes(of: value, toByteOffset: offset, as: Blob.self) }
}
