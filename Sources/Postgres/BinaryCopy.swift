/// Builds the data of a COPY in binary format, in network order.
///
/// `beginRow`, then one `append` for each of the row's fields; `take` hands out what is complete so far, as often as
/// wanted; `finish` hands out the rest with the trailer.
/// https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4
public struct BinaryCopy: Sendable {
    /// Signature, no flags, no extension.
    static let header: [UInt8] = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00] + [0, 0, 0, 0] + [0, 0, 0, 0]

    /// Filled up to `count`; the rest is room. Storing into room is several times as fast as appending to an array.
    private var bytes: [UInt8]
    /// How many bytes `take` would hand out.
    public private(set) var count: Int

    /// Begins with the header.
    public init(reservingCapacity capacity: Int = 0) {
        bytes = Self.header
        count = bytes.count
        if capacity > count { makeRoom(for: capacity - count) }
    }

    /// Begins a row of so many fields, at most 1,600 (PostgreSQL's limit).
    public mutating func beginRow(fields: Int) {
        store(Int16(fields))
    }

    /// Appends a NULL.
    public mutating func appendNull() {
        store(Int32(-1))
    }

    /// Appends a bigint.
    public mutating func append(_ value: Int64) {
        store(length: 8, value)
    }

    /// Appends an integer.
    public mutating func append(_ value: Int32) {
        store(length: 4, value)
    }

    /// Appends a smallint.
    public mutating func append(_ value: Int16) {
        store(length: 2, value)
    }

    /// Appends a double precision.
    public mutating func append(_ value: Double) {
        store(length: 8, value.bitPattern)
    }

    /// Appends a boolean.
    public mutating func append(_ value: Bool) {
        store(length: 1, value ? 1 : 0 as UInt8)
    }

    /// Appends a text; also `json`, `varchar` and `name`.
    public mutating func append(_ value: String) {
        var value = value
        value.withUTF8 { append(bytes: UnsafeRawBufferPointer($0)) }
    }

    /// Appends a bytea, or any value in its binary form.
    public mutating func append(_ value: [UInt8]) {
        value.withUnsafeBytes { append(bytes: $0) }
    }

    /// Appends a timestamptz, in microseconds since 2000-01-01T00:00:00Z.
    public mutating func append(timestamp: Int64) {
        append(timestamp)
    }

    /// Appends a jsonb from its text.
    public mutating func append(jsonb text: String) {
        var text = text
        text.withUTF8 { append(jsonb: UnsafeRawBufferPointer($0)) }
    }

    /// Appends a value in its binary form.
    package mutating func append(bytes value: UnsafeRawBufferPointer) {
        store(Int32(value.count))
        store(value)
    }

    /// Appends a jsonb from its text: a version byte, 1, comes first.
    package mutating func append(jsonb text: UnsafeRawBufferPointer) {
        store(Int32(text.count + 1))
        store(1 as UInt8)
        store(text)
    }

    /// Hands out what has been built, to be sent, and goes on with an empty buffer of the same size.
    public mutating func take() -> [UInt8] {
        let room = bytes.count
        bytes.removeLast(room - count)
        let taken = bytes
        count = 0
        bytes = []
        makeRoom(for: room)
        return taken
    }

    /// Appends the trailer and hands out the rest. The builder is used up.
    public mutating func finish() -> [UInt8] {
        store(Int16(-1))
        bytes.removeLast(bytes.count - count)
        defer { (bytes, count) = ([], 0) }
        return bytes
    }

    @inline(__always)
    private mutating func store<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
        let size = MemoryLayout<Value>.size
        if bytes.count - count < size { makeRoom(for: size) }
        bytes.withUnsafeMutableBytes { $0.storeBytes(of: value.bigEndian, toByteOffset: count, as: Value.self) }
        count += size
    }

    @inline(__always)
    private mutating func store<Value: FixedWidthInteger & BitwiseCopyable>(length: Int32, _ value: Value) {
        let size = 4 + MemoryLayout<Value>.size
        if bytes.count - count < size { makeRoom(for: size) }
        bytes.withUnsafeMutableBytes { buffer in
            buffer.storeBytes(of: length.bigEndian, toByteOffset: count, as: Int32.self)
            buffer.storeBytes(of: value.bigEndian, toByteOffset: count + 4, as: Value.self)
        }
        count += size
    }

    @inline(__always)
    private mutating func store(_ value: UnsafeRawBufferPointer) {
        if bytes.count - count < value.count { makeRoom(for: value.count) }
        bytes.withUnsafeMutableBytes { buffer in
            UnsafeMutableRawBufferPointer(rebasing: buffer[count...]).copyMemory(from: value)
        }
        count += value.count
    }

    /// Grows at least to double the size.
    @inline(never)
    private mutating func makeRoom(for size: Int) {
        let room = max(size, bytes.count, 1024)
        bytes.append(contentsOf: repeatElement(0, count: room))
    }
}
