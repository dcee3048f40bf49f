/// One row of a COPY in binary format, borrowed to a closure: its fields lie in libpq's memory, which is freed when the
/// closure returns.
///
/// Fields are numbered from 0 in the order of the COPY's columns. A COPY does not tell types, so each accessor checks
/// the field's length and trusts the statement for the rest. Reading a NULL is an error: ask `isNull` first.
public struct CopyRow: ~Copyable {
    /// Where a field lies in the row; length -1 is NULL.
    @usableFromInline
    struct Field {
        @usableFromInline var offset: Int32
        @usableFromInline var length: Int32
    }

    @usableFromInline let base: UnsafeRawPointer
    @usableFromInline let fields: UnsafePointer<Field>
    /// The number of columns.
    public let fieldCount: Int

    init(base: UnsafeRawPointer, fields: UnsafePointer<Field>, fieldCount: Int) {
        self.base = base
        self.fields = fields
        self.fieldCount = fieldCount
    }

    /// Whether the field is NULL.
    @inlinable
    public func isNull(_ index: Int) -> Bool {
        precondition(index >= 0 && index < fieldCount, "no such field")
        return fields[index].length < 0
    }

    /// A bigint, or a timestamptz in microseconds since 2000-01-01T00:00:00Z.
    @inlinable
    public func int64(_ index: Int) throws(PostgresError) -> Int64 {
        Int64(bigEndian: try load(index))
    }

    /// An integer.
    @inlinable
    public func int32(_ index: Int) throws(PostgresError) -> Int32 {
        Int32(bigEndian: try load(index))
    }

    /// A smallint.
    @inlinable
    public func int16(_ index: Int) throws(PostgresError) -> Int16 {
        Int16(bigEndian: try load(index))
    }

    /// A double precision.
    @inlinable
    public func double(_ index: Int) throws(PostgresError) -> Double {
        Double(bitPattern: UInt64(bigEndian: try load(index)))
    }

    /// A boolean.
    @inlinable
    public func bool(_ index: Int) throws(PostgresError) -> Bool {
        try load(index) as UInt8 != 0
    }

    /// A text, copied.
    public func text(_ index: Int) throws(PostgresError) -> String {
        let field = try bytes(index)
        guard let text = String(validating: field, as: UTF8.self) else {
            throw Self.refusal(index, "is not valid UTF-8")
        }
        return text
    }

    /// The field as it was sent. Valid until the closure that was borrowed the row returns; empty for an empty field.
    @inlinable
    package func bytes(_ index: Int) throws(PostgresError) -> UnsafeRawBufferPointer {
        precondition(index >= 0 && index < fieldCount, "no such field")
        let field = fields[index]
        guard field.length >= 0 else { throw Self.refusal(index, "is NULL") }
        return UnsafeRawBufferPointer(start: base + Int(field.offset), count: Int(field.length))
    }

    @inlinable
    func load<Value: FixedWidthInteger & BitwiseCopyable>(_ index: Int) throws(PostgresError) -> Value {
        let field = try bytes(index)
        guard field.count == MemoryLayout<Value>.size else {
            throw Self.refusal(index, "has \(field.count) bytes instead of \(MemoryLayout<Value>.size)")
        }
        return field.loadUnaligned(as: Value.self)
    }

    @usableFromInline
    static func refusal(_ index: Int, _ reason: String) -> PostgresError {
        PostgresError(.decoding, operation: "read a COPY row", message: "field \(index) \(reason)")
    }
}
