package import Refold

/// PostgreSQL's binary forms of the column types: a field is its length, 32 bits, or −1 for null, then its bytes, all
/// numbers big-endian (documentation, "Binary Format" of COPY; arrays as `array_recv` reads them).
extension [UInt8] {
    @inline(__always)
    mutating func append<Number: FixedWidthInteger>(bigEndian number: Number) {
        Swift.withUnsafeBytes(of: number.bigEndian) { append(contentsOf: $0) }
    }

    /// A field of bytes.
    mutating func appendField(_ bytes: UnsafeRawBufferPointer) {
        append(bigEndian: Int32(bytes.count))
        append(contentsOf: bytes)
    }

    /// A field of 64 bits.
    mutating func appendField(_ number: Int64) {
        append(bigEndian: Int32(8))
        append(bigEndian: number)
    }

    /// A field with a day: the days since 2000-01-01, 32 bits.
    mutating func appendField(_ day: Day) {
        append(bigEndian: Int32(4))
        append(bigEndian: day.rawValue)
    }

    /// One column of a row.
    mutating func appendColumn(_ index: Int, of column: ColumnDefinition, in row: ChangedRecord) {
        if column.isNullable && row.isNull(index) {
            append(bigEndian: Int32(-1))
            return
        }
        switch column.type {
        case .integer, .double, .timestamp:
            appendField(Int64(bitPattern: row.word(index)))
        case .boolean:
            append(bigEndian: Int32(1))
            append(row.word(index) == 0 ? 0 : 1)
        case .decimal:
            appendField(row.decimal(index))
        case .date:
            appendField(row.day(index))
        case .text, .numberSet:
            appendField(row.bytes(index))
        case .textList, .textSet:
            appendJSONArray(of: row.bytes(index))
        }
    }

    /// The parts of a row's key, each a field.
    mutating func appendKey(_ index: Int, of key: [KeyColumn], in bytes: UnsafeRawBufferPointer) {
        let part = KeyParts.part(index, of: key, in: bytes)
        switch key[index].type {
        case .integer: appendField(Int64(littleEndian: part.loadUnaligned(as: Int64.self)))
        case .date: appendField(Day(rawValue: Int32(littleEndian: part.loadUnaligned(as: Int32.self))))
        default: appendField(part)
        }
    }

    /// A `jsonb` field: the version 1, then the array's text.
    private mutating func appendJSONArray(of texts: UnsafeRawBufferPointer) {
        let start = count
        append(bigEndian: Int32(0))
        append(1)
        appendJSON(texts: texts)
        let length = Int32(count - start - 4).bigEndian
        Swift.withUnsafeBytes(of: length) { replaceSubrange(start..<(start + 4), with: $0) }
    }
}

/// The parts of an `EncodedKey`.
package enum KeyParts {
    package static func part(_ index: Int, of key: [KeyColumn], in bytes: UnsafeRawBufferPointer)
        -> UnsafeRawBufferPointer
    {
        var offset = 0
        for (place, column) in key.enumerated() {
            let length =
                switch column.type {
                case .integer: 8
                case .date: 4
                default:
                    place == key.count - 1
                        ? bytes.count - offset
                        : Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
                }
            if column.type == .text && place < key.count - 1 { offset += 4 }
            if place == index { return UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + length)]) }
            offset += length
        }
        preconditionFailure("a key of \(key.count) parts has no part \(index)")
    }

    /// The bytes of a key from its parts.
    static func encode(_ parts: [UnsafeRawBufferPointer], of key: [KeyColumn], into bytes: inout [UInt8]) {
        for (place, part) in parts.enumerated() {
            if key[place].type == .text && place < key.count - 1 {
                Swift.withUnsafeBytes(of: UInt32(part.count).littleEndian) { bytes.append(contentsOf: $0) }
            }
            bytes.append(contentsOf: part)
        }
    }
}

extension ColumnType {
    /// OIDs of the type and of its array type, from `pg_type.dat`.
    var objectIDs: (element: UInt32, array: UInt32) {
        switch self {
        case .integer: (20, 1016)
        case .double: (701, 1022)
        case .boolean: (16, 1000)
        case .text: (25, 1009)
        case .timestamp: (1184, 1185)
        case .decimal: (1700, 1231)
        case .date: (1082, 1182)
        case .textList, .textSet: (3802, 3807)
        case .numberSet: (17, 1001)
        }
    }
}
