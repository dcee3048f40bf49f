/// The parameters of one statement in the form libpq takes them: parallel arrays into one run of bytes.
///
/// A connection keeps one and reuses its memory from statement to statement.
package struct ParameterBuffer {
    private(set) var types: [UInt32] = []
    private var formats: [Int32] = []
    private var lengths: [Int32] = []
    private var offsets: [Int] = []
    private var bytes: [UInt8] = []
    private var pointers: [UnsafePointer<CChar>?] = []

    private static let textFormat: Int32 = 0
    private static let binaryFormat: Int32 = 1
    private static let null = -1
    /// Above this much memory is freed, since most statements need little.
    private static let keptBytes = 8 << 20
    private let byteLimit: Int

    /// How many bytes the values take.
    var byteCount: Int { bytes.count }

    /// - Parameter byteLimit: what the values of one statement may take: the server takes messages below 1 GiB.
    package init(byteLimit: Int = (1 << 30) - (1 << 20)) {
        self.byteLimit = byteLimit
    }

    /// Replaces the contents by `values`.
    ///
    /// - Throws: `.invalidParameter` for what the protocol cannot carry.
    package mutating func encode(_ values: [PostgresValue]) throws(PostgresError) {
        types.removeAll(keepingCapacity: true)
        formats.removeAll(keepingCapacity: true)
        lengths.removeAll(keepingCapacity: true)
        offsets.removeAll(keepingCapacity: true)
        bytes.removeAll(keepingCapacity: bytes.capacity <= Self.keptBytes)
        // The protocol counts parameters in 16 bits.
        guard values.count <= Int(UInt16.max) else {
            throw PostgresError(
                .invalidParameter,
                operation: "encode parameters",
                message: "\(values.count) parameters; a statement takes at most 65535"
            )
        }
        // Grown step by step it would come to twice what is needed.
        bytes.reserveCapacity(min(byteLimit, values.reduce(0) { $0 + Self.size(of: $1) + 1 }))
        for (index, value) in values.enumerated() {
            types.append(value.typeOID)
            if case .null = value {
                formats.append(Self.binaryFormat)
                lengths.append(0)
                offsets.append(Self.null)
                continue
            }
            guard Self.size(of: value) <= byteLimit - bytes.count else { throw tooLarge(index) }
            let start = bytes.count
            offsets.append(start)
            formats.append(try append(value, index: index))
            guard bytes.count <= byteLimit else { throw tooLarge(index) }
            lengths.append(Int32(bytes.count - start))
            // libpq reads parameters in text format up to a NUL.
            bytes.append(0)
        }
    }

    /// Lends the arrays: count, values, lengths, formats. The pointers are valid inside `body` only.
    mutating func withPointers<Result>(
        _ body: (
            Int32, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?
        ) -> Result
    ) -> Result {
        pointers.removeAll(keepingCapacity: true)
        let count = Int32(types.count)
        return bytes.withUnsafeBytes { raw in
            for offset in offsets {
                guard offset != Self.null, let base = raw.baseAddress else {
                    pointers.append(nil)
                    continue
                }
                pointers.append((base + offset).assumingMemoryBound(to: CChar.self))
            }
            return pointers.withUnsafeBufferPointer { pointers in
                lengths.withUnsafeBufferPointer { lengths in
                    formats.withUnsafeBufferPointer { formats in
                        body(count, pointers.baseAddress, lengths.baseAddress, formats.baseAddress)
                    }
                }
            }
        }
    }

    /// What a value takes at least, known before it is copied.
    private static func size(of value: PostgresValue) -> Int {
        switch value {
        case .text(let text), .json(let text), .uuid(let text): text.utf8.count
        case .bytes(let bytes), .binary(_, let bytes): bytes.count
        case .textArray(let texts): texts.reduce(0) { $0 + $1.utf8.count }
        default: 0
        }
    }

    /// Appends the value's bytes and returns their format.
    private mutating func append(_ value: PostgresValue, index: Int) throws(PostgresError) -> Int32 {
        switch value {
        case .null: break
        case .bool(let value): bytes.append(value ? 1 : 0)
        case .int16(let value): bytes.appendBigEndian(value)
        case .int32(let value): bytes.appendBigEndian(value)
        case .int64(let value), .timestamp(let value): bytes.appendBigEndian(value)
        case .double(let value): bytes.appendBigEndian(value.bitPattern)
        case .text(let value): bytes.append(contentsOf: value.utf8)
        case .bytes(let value), .binary(_, let value): bytes.append(contentsOf: value)
        case .json(let value), .uuid(let value):
            // In text format a NUL would silently cut the value short.
            guard !value.utf8.contains(0) else { throw refusal(index, "contains a NUL character") }
            bytes.append(contentsOf: value.utf8)
            return Self.textFormat
        case .arrayLiteral(let values):
            guard !values.contains(where: { $0?.utf8.contains(0) ?? false }) else {
                throw refusal(index, "contains a NUL character")
            }
            bytes.appendArrayLiteral(values)
            return Self.textFormat
        case .textArray(let values):
            bytes.appendArrayHeader(count: values.count, element: TypeOID.text)
            for value in values {
                let utf8 = value.utf8
                bytes.appendBigEndian(Int32(truncatingIfNeeded: utf8.count))
                bytes.append(contentsOf: utf8)
            }
        case .int64Array(let values):
            bytes.appendArrayHeader(count: values.count, element: TypeOID.int8)
            for value in values {
                bytes.appendBigEndian(Int32(8))
                bytes.appendBigEndian(value)
            }
        }
        return Self.binaryFormat
    }

    private func tooLarge(_ index: Int) -> PostgresError {
        refusal(index, "takes the statement's values beyond \(byteLimit) bytes, the most that PostgreSQL accepts")
    }

    private func refusal(_ index: Int, _ reason: String) -> PostgresError {
        PostgresError(.invalidParameter, operation: "encode parameters", message: "parameter $\(index + 1) \(reason)")
    }
}

extension [UInt8] {
    /// The header of a one-dimensional array without NULLs: dimensions, flags, element type, length, lower bound.
    mutating func appendArrayHeader(count: Int, element: UInt32) {
        appendBigEndian(Int32(count == 0 ? 0 : 1))
        appendBigEndian(Int32(0))
        appendBigEndian(element)
        guard count > 0 else { return }
        appendBigEndian(Int32(truncatingIfNeeded: count))
        appendBigEndian(Int32(1))
    }

    /// An array as the server reads it from text: all elements in quotes, so that none is taken for NULL.
    /// https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
    mutating func appendArrayLiteral(_ values: [String?]) {
        append(UInt8(ascii: "{"))
        for (index, value) in values.enumerated() {
            if index > 0 { append(UInt8(ascii: ",")) }
            guard let value else {
                append(contentsOf: "NULL".utf8)
                continue
            }
            append(UInt8(ascii: "\""))
            for byte in value.utf8 {
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { append(UInt8(ascii: "\\")) }
                append(byte)
            }
            append(UInt8(ascii: "\""))
        }
        append(UInt8(ascii: "}"))
    }

    /// Appends an integer in network order.
    @inline(__always)
    mutating func appendBigEndian(_ value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }
}
