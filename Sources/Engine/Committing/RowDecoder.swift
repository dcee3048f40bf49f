internal import Postgres
internal import Refold

/// Puts rows that were read from the database into memory: key, columns, `_position`, in binary, collections of texts as
/// `text[]`.
struct RowDecoder {
    let definition: TableDefinition
    private var keyBytes: [UInt8] = []

    init(definition: TableDefinition) {
        self.definition = definition
    }

    /// Keeps all rows of a result, and remembers the keys that it does not have as absent.
    mutating func keep(_ result: PostgresResult, wanted: [EncodedKey], in memory: TableMemory) throws {
        for row in 0..<result.count {
            try keep(in: memory) { column, body in
                if try result.isNull(row, column) { return false }
                try result.bytes(row, column).withUnsafeBytes { try body($0) }
                return true
            }
        }
        for key in wanted where !memory.isKnown(key) { memory.loadAbsent(key) }
    }

    /// Keeps one row of a COPY.
    mutating func keep(_ row: borrowing CopyRow, in memory: TableMemory) throws {
        keyBytes.removeAll(keepingCapacity: true)
        for (index, column) in definition.key.enumerated() { appendKeyPart(index, column.type, try row.bytes(index)) }
        let position = Self.int64(try row.bytes(definition.key.count + definition.columns.count))
        let firstColumn = definition.key.count
        let record = keyBytes.withUnsafeBytes { memory.load(key: $0, position: position) }
        for (index, column) in definition.columns.enumerated() {
            if row.isNull(firstColumn + index) {
                record.setNull(index)
            } else {
                try Self.set(index, column.type, try row.bytes(firstColumn + index), record)
            }
        }
    }

    /// - Parameter field: lends the bytes of a field to a closure; false for null.
    private mutating func keep(
        in memory: TableMemory,
        _ field: (Int, (UnsafeRawBufferPointer) throws -> Void) throws -> Bool
    ) throws {
        keyBytes.removeAll(keepingCapacity: true)
        for (index, column) in definition.key.enumerated() {
            _ = try field(index) { appendKeyPart(index, column.type, $0) }
        }
        var position: Int64 = 0
        _ = try field(definition.key.count + definition.columns.count) { position = Self.int64($0) }
        let record = keyBytes.withUnsafeBytes { memory.load(key: $0, position: position) }
        for (index, column) in definition.columns.enumerated() {
            let isThere = try field(definition.key.count + index) { try Self.set(index, column.type, $0, record) }
            if !isThere { record.setNull(index) }
        }
    }

    private mutating func appendKeyPart(_ index: Int, _ type: ColumnType, _ bytes: UnsafeRawBufferPointer) {
        switch type {
        case .integer:
            withUnsafeBytes(of: Self.int64(bytes).littleEndian) { keyBytes.append(contentsOf: $0) }
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
        case .text, .numberSet: record.setBytes(index, bytes)
        case .textList, .textSet: record.setTexts(index, try BinaryArray.texts(bytes))
        }
    }

    private static func int64(_ bytes: UnsafeRawBufferPointer) -> Int64 {
        Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
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
