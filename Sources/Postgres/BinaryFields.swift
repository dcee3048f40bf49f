/// Values in PostgreSQL's binary form, one field after the other: a field is its length, 32 bits, or -1 for NULL, then its
/// bytes, all numbers in network order.
///
/// Rows of a COPY and elements of arrays are made of these.
/// https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4
package struct BinaryFields: Sendable {
    /// Filled up to `count`; the rest is room. Storing into room is several times as fast as appending to an array.
    private var bytes: [UInt8] = []
    /// How many bytes `take` would hand out.
    package private(set) var count = 0
    /// Memory for texts that are made on the way.
    private var text: [UInt8] = []

    package init(reservingCapacity capacity: Int = 0) {
        if capacity > 0 { makeRoom(for: capacity) }
    }

    /// Appends a NULL.
    package mutating func appendNull() {
        store(Int32(-1))
    }

    /// Appends a bigint.
    package mutating func append(_ value: Int64) {
        store(length: 8, value)
    }

    /// Appends an integer.
    package mutating func append(_ value: Int32) {
        store(length: 4, value)
    }

    /// Appends a smallint.
    package mutating func append(_ value: Int16) {
        store(length: 2, value)
    }

    /// Appends a double precision.
    package mutating func append(_ value: Double) {
        store(length: 8, value.bitPattern)
    }

    /// Appends a boolean.
    package mutating func append(_ value: Bool) {
        store(length: 1, value ? 1 : 0 as UInt8)
    }

    /// Appends a text; also `json`, `varchar` and `name`.
    package mutating func append(_ value: String) {
        var value = value
        value.withUTF8 { append(bytes: UnsafeRawBufferPointer($0)) }
    }

    /// Appends a bytea, or any value in its binary form.
    package mutating func append(_ value: [UInt8]) {
        value.withUnsafeBytes { append(bytes: $0) }
    }

    /// Appends a timestamptz, in microseconds since 2000-01-01T00:00:00Z.
    package mutating func append(timestamp: Int64) {
        append(timestamp)
    }

    /// Appends a jsonb from its text.
    package mutating func append(jsonb text: String) {
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

    /// Appends a jsonb whose text the body writes.
    package mutating func append(jsonb write: (inout [UInt8]) -> Void) {
        var text: [UInt8] = []
        swap(&text, &self.text)
        text.removeAll(keepingCapacity: true)
        write(&text)
        text.withUnsafeBytes { append(jsonb: $0) }
        swap(&text, &self.text)
    }

    /// Hands out what has been built and continues with an empty buffer of the same size.
    package mutating func take() -> [UInt8] {
        let room = bytes.count
        let taken = takeLast()
        makeRoom(for: room)
        return taken
    }

    /// Hands out what has been built and frees the memory.
    package mutating func takeLast() -> [UInt8] {
        bytes.removeLast(bytes.count - count)
        defer { (bytes, count) = ([], 0) }
        return bytes
    }

    // MARK: Data outside of fields

    /// A number without a length before it.
    mutating func storeNumber(_ number: Int16) { store(number) }

    /// The same.
    mutating func storeNumber(_ number: Int32) { store(number) }

    /// Bytes without a length before them.
    mutating func storeBytes(_ value: [UInt8]) { value.withUnsafeBytes { store($0) } }

    /// Replaces a number that was stored at that place.
    mutating func replaceNumber(at offset: Int, by number: Int32) {
        precondition(offset + 4 <= count, "nothing was stored there")
        bytes.withUnsafeMutableBytes { $0.storeBytes(of: number.bigEndian, toByteOffset: offset, as: Int32.self) }
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
