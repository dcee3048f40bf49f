package import Postgres
package import Refold

/// Puts rows that were read from the database into memory: key, columns, `_position`, in binary, collections of texts as
/// `text[]`.
package struct RowDecoder {
    package let definition: TableDefinition
    private var keyBytes: [UInt8] = []

    package init(definition: TableDefinition) {
        self.definition = definition
    }

    /// Keeps all rows of a result, and remembers the wanted keys that it does not have as absent.
    package mutating func keep(_ result: PostgresResult, wanted: [EncodedKey] = [], in memory: TableMemory) throws {
        for row in 0..<result.count { try keep(row, of: result, in: memory) }
        for key in wanted where !memory.isKnown(key) { memory.loadAbsent(key) }
    }

    private mutating func keep(_ row: Int, of result: PostgresResult, in memory: TableMemory) throws {
        keyBytes.removeAll(keepingCapacity: true)
        for (index, column) in definition.key.enumerated() {
            try result.withBytes(row, index) { appendKeyPart(index, column.type, $0) }
        }
        let firstColumn = definition.key.count
        let position = try result.int64(row, firstColumn + definition.columns.count)
        let record = keyBytes.withUnsafeBytes { memory.load(key: $0, position: position) }
        for (index, column) in definition.columns.enumerated() {
            if try result.isNull(row, firstColumn + index) {
                record.setNull(index)
            } else {
                try result.withBytes(row, firstColumn + index) { bytes in
                    Result { try Self.set(index, column.type, bytes, record) }
                }.get()
            }
        }
    }

    private mutating func appendKeyPart(_ index: Int, _ type: ColumnType, _ bytes: UnsafeRawBufferPointer) {
        switch type {
        case .integer:
            withUnsafeBytes(of: Self.int64(bytes).littleEndian) { keyBytes.append(contentsOf: $0) }
        case .date:
            withUnsafeBytes(of: Self.day(bytes).rawValue.littleEndian) { keyBytes.append(contentsOf: $0) }
        default:
            if index < definition.key.count - 1 {
                withUnsafeBytes(of: UInt32(bytes.count).littleEndian) { keyBytes.append(contentsOf: $0) }
            }
            keyBytes.append(contentsOf: bytes)
        }
    }

    private static func set(
        _ index: Int,
        _ type: ColumnType,
        _ bytes: UnsafeRawBufferPointer,
        _ record: LoadingRecord
    ) throws {
        switch type {
        case .integer, .double, .timestamp: record.setWord(index, UInt64(bitPattern: int64(bytes)))
        case .boolean: record.setWord(index, bytes.first == 1 ? 1 : 0)
        case .decimal: record.setDecimal(index, try BinaryNumeric.decimal(bytes))
        case .date: record.setWord(index, day(bytes).word)
        case .text, .numberSet: record.setBytes(index, bytes)
        case .textList, .textSet: record.setTexts(index, try BinaryArray.texts(bytes))
        }
    }

    private static func int64(_ bytes: UnsafeRawBufferPointer) -> Int64 {
        Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
    }

    private static func day(_ bytes: UnsafeRawBufferPointer) -> Day {
        Day(rawValue: Int32(bigEndian: bytes.loadUnaligned(as: Int32.self)))
    }
}

/// PostgreSQL's binary arrays.
enum BinaryArray {
    /// The elements of a `text[]` of one dimension without nulls, in order.
    static func texts(_ bytes: UnsafeRawBufferPointer) throws -> [Text] {
        func int32(_ offset: Int) -> Int {
            Int(Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self)))
        }
        // Dimensions, whether it has nulls, element type; then for the dimension its length and lower bound.
        guard int32(0) == 1 else { return [] }
        var texts: [Text] = []
        var offset = 20
        for _ in 0..<int32(12) {
            let length = max(0, int32(offset))
            offset += 4
            texts.append(Text(copying: UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + length)])))
            offset += length
        }
        return texts
    }
}
