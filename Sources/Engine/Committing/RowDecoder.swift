package import Postgres
package import Refold

/// Puts rows read from the database into memory: key, columns, `_position`, in binary, lists and sets of texts and lists
/// of integers as `text[]`.
///
/// Only the engine should write these tables, but others could: types and values are checked before use, and a value
/// that no projection wrote is an error that names table and column.
package struct RowDecoder {
    package let definition: TableDefinition
    private var keyBytes: [UInt8] = []

    package init(definition: TableDefinition) {
        self.definition = definition
    }

    /// Keeps all rows of a result, and remembers the wanted keys that it does not have as absent.
    ///
    /// - Throws: ``EngineError/Code/unreadableRow`` for a column of another type and for a value that no projection wrote.
    package mutating func keep(_ result: PostgresResult, wanted: [EncodedKey] = [], in memory: TableMemory) throws {
        try checkTypes(of: result)
        for row in 0..<result.count { try keep(row, of: result, in: memory) }
        for key in wanted where !memory.isKnown(key) { memory.loadAbsent(key) }
    }

    private mutating func keep(_ row: Int, of result: PostgresResult, in memory: TableMemory) throws {
        keyBytes.removeAll(keepingCapacity: true)
        for (index, column) in definition.key.enumerated() {
            try result.withBytes(row, index) { bytes in Result { try appendKeyPart(index, column, bytes) } }.get()
        }
        let firstColumn = definition.key.count
        let position = try result.int64(row, firstColumn + definition.columns.count)
        let record = keyBytes.withUnsafeBytes { memory.load(key: $0, position: position) }
        for (index, column) in definition.columns.enumerated() {
            if try result.isNull(row, firstColumn + index) {
                guard column.isNullable else { throw unreadable(column.name, "null") }
                record.setNull(index)
            } else {
                try result.withBytes(row, firstColumn + index) { bytes in
                    Result { try set(index, column, bytes, record) }
                }.get()
            }
        }
    }

    private mutating func appendKeyPart(_ index: Int, _ column: KeyColumn, _ bytes: UnsafeRawBufferPointer) throws {
        switch column.type {
        case .integer, .timestamp:
            let number: Int64 = try fixed(bytes, column.name)
            withUnsafeBytes(of: number.littleEndian) { keyBytes.append(contentsOf: $0) }
        case .date:
            let day: Int32 = try fixed(bytes, column.name)
            withUnsafeBytes(of: day.littleEndian) { keyBytes.append(contentsOf: $0) }
        default:
            if index < definition.key.count - 1 {
                withUnsafeBytes(of: UInt32(bytes.count).littleEndian) { keyBytes.append(contentsOf: $0) }
            }
            keyBytes.append(contentsOf: bytes)
        }
    }

    private func set(
        _ index: Int,
        _ column: ColumnDefinition,
        _ bytes: UnsafeRawBufferPointer,
        _ record: LoadingRecord
    ) throws {
        switch column.type {
        case .integer, .double, .timestamp:
            record.setWord(index, UInt64(bitPattern: try fixed(bytes, column.name)))
        case .boolean:
            let value: UInt8 = try fixed(bytes, column.name)
            record.setWord(index, value == 0 ? 0 : 1)
        case .decimal: record.setDecimal(index, try BinaryNumeric.decimal(bytes))
        case .date: record.setWord(index, Day(rawValue: try fixed(bytes, column.name)).word)
        case .text:
            guard bytes.count <= Rows.longestText else {
                throw unreadable(column.name, "a text of \(bytes.count) bytes")
            }
            record.setBytes(index, bytes)
        case .numberSet:
            guard NumberSet.isCanonical(bytes) else {
                throw unreadable(column.name, "bytes that are no set of numbers")
            }
            record.setBytes(index, bytes)
        case .textList, .textSet:
            guard let texts = BinaryArray.texts(bytes) else { throw unreadable(column.name, "an array not of texts") }
            if column.type == .textSet && !zip(texts, texts.dropFirst()).allSatisfy({ $0 < $1 }) {
                throw unreadable(column.name, "a set that is not sorted, or has a member twice")
            }
            record.setTexts(index, texts)
        case .integerList:
            guard let texts = BinaryArray.texts(bytes) else { throw unreadable(column.name, "an array not of texts") }
            let integers = texts.compactMap { Int64(String($0)) }
            guard integers.count == texts.count else { throw unreadable(column.name, "a list not of integers") }
            integers.withUnsafeBytes { record.setBytes(index, $0) }
        }
    }

    // MARK: Rows that the engine did not write

    private func checkTypes(of result: PostgresResult) throws {
        let expected =
            definition.key.map { ($0.name, $0.type.readID) } + definition.columns.map { ($0.name, $0.type.readID) }
            + [("_position", ColumnType.integer.readID)]
        guard result.columnCount == expected.count else {
            throw unreadable(nil, "\(result.columnCount) columns in place of \(expected.count)")
        }
        for (index, (name, type)) in expected.enumerated() where result.typeOID(index) != type {
            throw unreadable(name, "values of type \(result.typeName(index))")
        }
    }

    private func fixed<Number: FixedWidthInteger & BitwiseCopyable>(
        _ bytes: UnsafeRawBufferPointer,
        _ column: String
    ) throws -> Number {
        guard bytes.count == MemoryLayout<Number>.size else { throw unreadable(column, "\(bytes.count) bytes") }
        return Number(bigEndian: bytes.loadUnaligned(as: Number.self))
    }

    private func unreadable(_ column: String?, _ found: String) -> EngineError {
        EngineError(
            .unreadableRow,
            "\(column.map { "column \($0) of " } ?? "")table \(definition.name) holds \(found), which no projection wrote",
            remedy: "rebuild the projection, and see who changes tables in schema refold_data"
        )
    }
}

extension ColumnType {
    /// The type that a column of this one is read as.
    fileprivate var readID: UInt32 {
        switch self {
        case .textList, .textSet, .integerList: ColumnType.text.objectIDs.array
        default: objectIDs.element
        }
    }
}

/// PostgreSQL's binary arrays.
enum BinaryArray {
    /// The elements of a `text[]` of one dimension without nulls, in order; nil for any other.
    static func texts(_ bytes: UnsafeRawBufferPointer) -> [Text]? {
        func int32(_ offset: Int) -> Int? {
            guard offset + 4 <= bytes.count else { return nil }
            return Int(Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self)))
        }
        // Dimensions, whether it has nulls, element type; then for the dimension its length and lower bound.
        guard let dimensions = int32(0) else { return nil }
        if dimensions == 0 { return [] }
        guard dimensions == 1, let count = int32(12), count >= 0 else { return nil }
        var texts: [Text] = []
        var offset = 20
        for _ in 0..<count {
            guard let length = int32(offset), length >= 0, length <= bytes.count - offset - 4 else { return nil }
            offset += 4
            texts.append(Text(copying: UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + length)])))
            offset += length
        }
        return texts
    }
}
