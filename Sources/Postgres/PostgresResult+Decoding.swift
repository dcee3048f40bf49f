extension PostgresResult {
    /// Whether the value is NULL. All other accessors refuse NULL.
    public func isNull(_ row: Int, _ column: some PostgresColumn) throws(PostgresError) -> Bool {
        isNull(row: try checked(row), column: try column.position(in: self))
    }

    /// A bigint, integer, smallint or oid.
    public func int64(_ row: Int, _ column: some PostgresColumn) throws(PostgresError) -> Int64 {
        try integer(row, column, expected: "an integer type")
    }

    /// An integer or smallint.
    public func int32(_ row: Int, _ column: some PostgresColumn) throws(PostgresError) -> Int32 {
        try integer(row, column, expected: "integer or smallint")
    }

    /// A smallint.
    public func int16(_ row: Int, _ column: some PostgresColumn) throws(PostgresError) -> Int16 {
        try integer(row, column, expected: "smallint")
    }

    /// A double precision or real.
    public func double(_ row: Int, _ column: some PostgresColumn) throws(PostgresError) -> Double {
        try read(row, column, expected: "double precision or real") { type, bytes in
            switch type {
            case TypeOID.float8: (Self.load(bytes) as UInt64?).map { Double(bitPattern: $0) }
            case TypeOID.float4: (Self.load(bytes) as UInt32?).map { Double(Float(bitPattern: $0)) }
            default: nil
            }
        }
    }

    /// A boolean.
    public func bool(_ row: Int, _ column: some PostgresColumn) throws(PostgresError) -> Bool {
        try read(row, column, expected: "boolean") { type, bytes in
            type == TypeOID.bool ? (Self.load(bytes) as UInt8?).map { $0 != 0 } : nil
        }
    }

    /// A text, varchar, name, json, jsonb (its text), xml, uuid (its text), enum, or another type of an extension whose
    /// binary format is its text.
    public func text(_ row: Int, _ column: some PostgresColumn) throws(PostgresError) -> String {
        try read(row, column, expected: "a text type") { type, bytes in
            switch type {
            case TypeOID.text, TypeOID.varchar, TypeOID.bpchar, TypeOID.name, TypeOID.json, TypeOID.xml,
                TypeOID.unknown, TypeOID.char, TypeOID.firstUserDefined...:
                String(validating: bytes, as: UTF8.self)
            case TypeOID.jsonb:
                bytes.first == 1 ? String(validating: bytes.dropFirst(), as: UTF8.self) : nil
            case TypeOID.uuid:
                Self.uuidText(bytes)
            default: nil
            }
        }
    }

    /// A bytea; any other type in its binary format.
    public func bytes(_ row: Int, _ column: some PostgresColumn) throws(PostgresError) -> [UInt8] {
        try read(row, column, expected: "bytes") { _, bytes in Array(bytes) }
    }

    /// A timestamptz or timestamp, in microseconds since 2000-01-01T00:00:00 (UTC); the infinities are `Int64.max` and
    /// `Int64.min`.
    public func timestamp(_ row: Int, _ column: some PostgresColumn) throws(PostgresError) -> Int64 {
        try read(row, column, expected: "timestamptz or timestamp") { type, bytes in
            guard type == TypeOID.timestamptz || type == TypeOID.timestamp else { return nil }
            return Self.load(bytes)
        }
    }

    /// A text[] without NULLs.
    public func textArray(_ row: Int, _ column: some PostgresColumn) throws(PostgresError) -> [String] {
        try read(row, column, expected: "text[] without NULLs") { type, bytes in
            guard type == TypeOID.textArray else { return nil }
            return Self.elements(bytes) { String(validating: $0, as: UTF8.self) }
        }
    }

    /// A bigint[] without NULLs.
    public func int64Array(_ row: Int, _ column: some PostgresColumn) throws(PostgresError) -> [Int64] {
        try read(row, column, expected: "bigint[] without NULLs") { type, bytes in
            guard type == TypeOID.int8Array else { return nil }
            return Self.elements(bytes) { Self.load($0) }
        }
    }

    /// Lends the value in its type's binary format; the pointer is valid inside `body` only.
    package func withBytes<Value>(
        _ row: Int,
        _ column: some PostgresColumn,
        _ body: (UnsafeRawBufferPointer) -> Value
    ) throws(PostgresError) -> Value {
        try read(row, column, expected: "bytes") { _, bytes in body(bytes) }
    }

    private func integer<Value: FixedWidthInteger>(
        _ row: Int,
        _ column: some PostgresColumn,
        expected: String
    ) throws(PostgresError) -> Value {
        try read(row, column, expected: expected) { type, bytes in
            switch type {
            case TypeOID.int8: (Self.load(bytes) as Int64?).flatMap { Value.bitWidth >= 64 ? Value($0) : nil }
            case TypeOID.oid: (Self.load(bytes) as UInt32?).flatMap { Value.bitWidth >= 64 ? Value($0) : nil }
            case TypeOID.int4: (Self.load(bytes) as Int32?).flatMap { Value.bitWidth >= 32 ? Value($0) : nil }
            case TypeOID.int2: (Self.load(bytes) as Int16?).flatMap { Value(exactly: $0) }
            default: nil
            }
        }
    }

    /// Checks row, column and NULL, and turns a nil from `decode` into the error that names the column and both types.
    private func read<Value>(
        _ row: Int,
        _ column: some PostgresColumn,
        expected: String,
        _ decode: (UInt32, UnsafeRawBufferPointer) -> Value?
    ) throws(PostgresError) -> Value {
        let position = try column.position(in: self)
        let row = try checked(row)
        guard !isNull(row: row, column: position) else {
            throw refusal("column \(columnName(position)), row \(row): expected \(expected), found NULL")
        }
        let type = typeOID(position)
        let value = withExtendedLifetime(self) { decode(type, rawBytes(row: row, column: position)) }
        guard let value else {
            let found = "\(TypeOID.describe(type)) of \(rawBytes(row: row, column: position).count) bytes"
            throw refusal("column \(columnName(position)), row \(row): expected \(expected), found \(found)")
        }
        return value
    }

    private func checked(_ row: Int) throws(PostgresError) -> Int {
        guard row >= 0 && row < count else { throw refusal("there is no row \(row) among \(count)") }
        return row
    }

    private func refusal(_ message: String) -> PostgresError {
        PostgresError(.decoding, operation: "read a result", message: message)
    }

    private static func load<Value: FixedWidthInteger & BitwiseCopyable>(_ bytes: UnsafeRawBufferPointer) -> Value? {
        bytes.count == MemoryLayout<Value>.size ? Value(bigEndian: bytes.loadUnaligned(as: Value.self)) : nil
    }

    /// The elements of a one-dimensional array: dimensions, flags, element type, then per dimension length and lower
    /// bound, then length and bytes of each element.
    private static func elements<Element>(
        _ bytes: UnsafeRawBufferPointer,
        _ decode: (UnsafeRawBufferPointer) -> Element?
    ) -> [Element]? {
        var rest = bytes[...]
        func next() -> Int32? {
            guard rest.count >= 4 else { return nil }
            defer { rest = rest.dropFirst(4) }
            return load(UnsafeRawBufferPointer(rebasing: rest.prefix(4)))
        }
        guard let dimensions = next(), next() != nil, next() != nil else { return nil }
        if dimensions == 0 { return [] }
        guard dimensions == 1, let count = next(), next() != nil else { return nil }
        var elements: [Element] = []
        for _ in 0..<count {
            guard let length = next(), length >= 0, rest.count >= Int(length) else { return nil }
            guard let element = decode(UnsafeRawBufferPointer(rebasing: rest.prefix(Int(length)))) else { return nil }
            elements.append(element)
            rest = rest.dropFirst(Int(length))
        }
        return elements
    }

    private static func uuidText(_ bytes: UnsafeRawBufferPointer) -> String? {
        guard bytes.count == 16 else { return nil }
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { text.append(UInt8(ascii: "-")) }
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
