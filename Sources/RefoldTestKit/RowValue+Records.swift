internal import Refold

/// Values in the form that rows have in memory.
extension RowValue {
    // MARK: Keys

    /// The bytes of a key.
    static func encode(_ parts: [RowValue], as key: [KeyColumn]) -> [UInt8] {
        precondition(parts.count == key.count, "the key has the columns \(key.map(\.name))")
        var bytes: [UInt8] = []
        for (place, (part, column)) in zip(parts, key).enumerated() {
            switch (part, column.type) {
            case (.integer(let number), .integer):
                withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
            case (.timestamp(let time), .timestamp):
                withUnsafeBytes(of: time.rawValue.littleEndian) { bytes.append(contentsOf: $0) }
            case (.date(let day), .date):
                withUnsafeBytes(of: day.rawValue.littleEndian) { bytes.append(contentsOf: $0) }
            case (.text(let text), .text):
                if place < key.count - 1 {
                    withUnsafeBytes(of: UInt32(text.count).littleEndian) { bytes.append(contentsOf: $0) }
                }
                text.withBytes { bytes.append(contentsOf: $0) }
            default:
                preconditionFailure("\(part) is no value of the key column \(column.name), which is \(column.type)")
            }
        }
        return bytes
    }

    /// The value of a key of one column.
    static func key(_ bytes: UnsafeRawBufferPointer, _ column: KeyColumn) -> RowValue {
        switch column.type {
        case .integer: .integer(Int64(littleEndian: bytes.loadUnaligned(as: Int64.self)))
        case .date: .date(Day(rawValue: Int32(littleEndian: bytes.loadUnaligned(as: Int32.self))))
        default: .text(Text(copying: bytes))
        }
    }

    // MARK: Columns

    /// The public columns of a row by name.
    static func columns(of row: ChangedRecord, _ definition: TableDefinition) -> [String: RowValue] {
        var columns: [String: RowValue] = [:]
        for (index, column) in definition.columns.enumerated() where column.isPublic {
            columns[column.name] = row.isNull(index) ? .null : value(of: index, column.type, in: row)
        }
        return columns
    }

    private static func value(of index: Int, _ type: ColumnType, in row: ChangedRecord) -> RowValue {
        switch type {
        case .integer: return .integer(Int64(bitPattern: row.word(index)))
        case .double: return .double(Double(bitPattern: row.word(index)))
        case .boolean: return .boolean(row.word(index) != 0)
        case .timestamp: return .timestamp(Timestamp(microseconds: Int64(bitPattern: row.word(index))))
        case .decimal: return .decimal(row.decimal(index))
        case .date: return .date(row.day(index))
        case .text: return .text(Text(copying: row.bytes(index)))
        case .textList, .textSet:
            var texts: [Text] = []
            TextListBytes.forEach(in: row.bytes(index)) { texts.append(Text(copying: $0)) }
            return .texts(texts)
        case .numberSet: return .numbers(numbers(in: row.bytes(index)))
        case .integerList: return .integers(IntegerListBytes.integers(in: row.bytes(index)))
        }
    }

    /// The members of a ``NumberSet``, from the form that its documentation describes.
    private static func numbers(in bytes: UnsafeRawBufferPointer) -> Set<UInt16> {
        if bytes.count < 1024 {
            return Set(
                stride(from: 0, to: bytes.count, by: 2).map {
                    UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt16.self))
                }
            )
        }
        return Set((0..<UInt16(NumberSet.capacity)).filter { bytes[Int($0) / 8] & (1 << ($0 % 8)) != 0 })
    }

    /// Sets a column of a row that is being placed.
    func set(_ index: Int, of record: LoadingRecord) {
        switch self {
        case .null: record.setNull(index)
        case .integer(let number): record.setWord(index, UInt64(bitPattern: number))
        case .double(let number): record.setWord(index, number.bitPattern)
        case .boolean(let value): record.setWord(index, value ? 1 : 0)
        case .timestamp(let time): record.setWord(index, UInt64(bitPattern: time.rawValue))
        case .decimal(let decimal): record.setDecimal(index, decimal)
        case .date(let day): record.setWord(index, day.word)
        case .text(let text): text.withBytes { record.setBytes(index, $0) }
        case .texts(let texts): record.setTexts(index, texts)
        case .integers(let integers): integers.withUnsafeBytes { record.setBytes(index, $0) }
        case .numbers(let numbers):
            precondition(numbers.count < 512, "a test places small sets only")
            let bytes = numbers.sorted().flatMap { number in withUnsafeBytes(of: number.littleEndian) { Array($0) } }
            bytes.withUnsafeBytes { record.setBytes(index, $0) }
        }
    }
}
