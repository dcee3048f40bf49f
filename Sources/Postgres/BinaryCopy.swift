/// Builds the data of a COPY in binary format, in network order.
///
/// `beginRow`, then one `append` for each of the row's fields; `take` hands out what is complete so far, as often as
/// wanted; `finish` hands out the rest with the trailer.
/// https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4
public struct BinaryCopy: Sendable {
    /// Signature, no flags, no extension.
    static let header: [UInt8] = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00] + [0, 0, 0, 0] + [0, 0, 0, 0]

    private var bytes: [UInt8] = BinaryCopy.header

    /// Begins with the header.
    public init(reservingCapacity capacity: Int = 0) {
        if capacity > 0 { bytes.reserveCapacity(capacity) }
    }

    /// How many bytes `take` would hand out.
    public var count: Int { bytes.count }

    /// Begins a row of so many fields.
    public mutating func beginRow(fields: Int) {
        bytes.appendBigEndian(Int16(fields))
    }

    /// Appends a NULL.
    public mutating func appendNull() {
        bytes.appendBigEndian(Int32(-1))
    }

    /// Appends a bigint.
    public mutating func append(_ value: Int64) {
        bytes.appendBigEndian(Int32(8))
        bytes.appendBigEndian(value)
    }

    /// Appends an integer.
    public mutating func append(_ value: Int32) {
        bytes.appendBigEndian(Int32(4))
        bytes.appendBigEndian(value)
    }

    /// Appends a smallint.
    public mutating func append(_ value: Int16) {
        bytes.appendBigEndian(Int32(2))
        bytes.appendBigEndian(value)
    }

    /// Appends a double precision.
    public mutating func append(_ value: Double) {
        bytes.appendBigEndian(Int32(8))
        bytes.appendBigEndian(value.bitPattern)
    }

    /// Appends a boolean.
    public mutating func append(_ value: Bool) {
        bytes.appendBigEndian(Int32(1))
        bytes.append(value ? 1 : 0)
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
        bytes.appendBigEndian(Int32(value.count))
        bytes.append(contentsOf: value)
    }

    /// Appends a jsonb from its text: a version byte, 1, comes first.
    package mutating func append(jsonb text: UnsafeRawBufferPointer) {
        bytes.appendBigEndian(Int32(text.count + 1))
        bytes.append(1)
        bytes.append(contentsOf: text)
    }

    /// Hands out what has been built, to be sent, and goes on with an empty buffer.
    public mutating func take() -> [UInt8] {
        defer { bytes = [] }
        return bytes
    }

    /// Appends the trailer and hands out the rest.
    public mutating func finish() -> [UInt8] {
        bytes.appendBigEndian(Int16(-1))
        return take()
    }
}
