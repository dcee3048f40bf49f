/// Builds the data of a COPY in binary format, in network order.
///
/// `beginRow`, then one `append` for each of the row's fields; `take` hands out what is complete so far, as often as
/// wanted; `finish` hands out the rest with the trailer.
/// https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4
public struct BinaryCopy: Sendable {
    /// Signature, no flags, no extension.
    static let header: [UInt8] = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00] + [0, 0, 0, 0] + [0, 0, 0, 0]

    /// The fields of the row that was begun last are appended to these.
    package var fields: BinaryFields

    /// How many bytes `take` would hand out.
    public var count: Int { fields.count }

    /// Begins with the header.
    public init(reservingCapacity capacity: Int = 0) {
        fields = BinaryFields(reservingCapacity: max(capacity, 1024))
        fields.storeBytes(Self.header)
    }

    /// Begins a row of so many fields, at most 1,600 (PostgreSQL's limit).
    public mutating func beginRow(fields count: Int) { fields.storeNumber(Int16(count)) }

    /// Appends a NULL.
    public mutating func appendNull() { fields.appendNull() }

    /// Appends a bigint.
    public mutating func append(_ value: Int64) { fields.append(value) }

    /// Appends an integer.
    public mutating func append(_ value: Int32) { fields.append(value) }

    /// Appends a smallint.
    public mutating func append(_ value: Int16) { fields.append(value) }

    /// Appends a double precision.
    public mutating func append(_ value: Double) { fields.append(value) }

    /// Appends a boolean.
    public mutating func append(_ value: Bool) { fields.append(value) }

    /// Appends a text; also `json`, `varchar` and `name`.
    public mutating func append(_ value: String) { fields.append(value) }

    /// Appends a bytea, or any value in its binary form.
    public mutating func append(_ value: [UInt8]) { fields.append(value) }

    /// Appends a timestamptz, in microseconds since 2000-01-01T00:00:00Z.
    public mutating func append(timestamp: Int64) { fields.append(timestamp) }

    /// Appends a jsonb from its text.
    public mutating func append(jsonb text: String) { fields.append(jsonb: text) }

    /// Appends a value in its binary form.
    package mutating func append(bytes value: UnsafeRawBufferPointer) { fields.append(bytes: value) }

    /// Appends a jsonb from its text.
    package mutating func append(jsonb text: UnsafeRawBufferPointer) { fields.append(jsonb: text) }

    /// Hands out what has been built, to be sent, and continues with an empty buffer of the same size.
    public mutating func take() -> [UInt8] { fields.take() }

    /// Appends the trailer and hands out the rest. The builder is used up.
    public mutating func finish() -> [UInt8] {
        fields.storeNumber(Int16(-1))
        return fields.takeLast()
    }
}
