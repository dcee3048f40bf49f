internal import Postgres
package import Refold

extension BinaryFields {
    /// Appends a day: the days since 2000-01-01, 32 bits.
    mutating func append(_ day: Day) { append(day.rawValue) }

    /// Appends one column of a row.
    mutating func appendColumn(_ index: Int, of column: ColumnDefinition, in row: ChangedRecord) {
        if column.isNullable && row.isNull(index) { return appendNull() }
        switch column.type {
        case .integer, .double, .timestamp: append(Int64(bitPattern: row.word(index)))
        case .boolean: append(row.word(index) != 0)
        case .decimal: append(row.decimal(index))
        case .date: append(row.day(index))
        case .text, .numberSet: append(bytes: row.bytes(index))
        case .textList, .textSet: append(jsonb: { $0.appendJSON(texts: row.bytes(index)) })
        case .integerList: append(jsonb: { $0.appendJSON(integers: row.bytes(index)) })
        }
    }

    /// Appends a part of a row's key.
    mutating func appendKey(_ index: Int, of key: [KeyColumn], in bytes: UnsafeRawBufferPointer) {
        let part = KeyParts.part(index, of: key, in: bytes)
        switch key[index].type {
        case .integer, .timestamp: append(Int64(littleEndian: part.loadUnaligned(as: Int64.self)))
        case .date: append(Day(rawValue: Int32(littleEndian: part.loadUnaligned(as: Int32.self))))
        default: append(bytes: part)
        }
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
                case .integer, .timestamp: 8
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
        case .textList, .textSet, .integerList: (3802, 3807)
        case .numberSet: (17, 1001)
        }
    }
}
