import Refold

/// A key as a test writes it.
enum ModelKey: Hashable {
    case text(String)
    case number(Int64)
    case pair(String, Int64)
    case day(Int32)
    case moment(Int64, String)

    /// What ``EncodedKey`` should hold.
    var encoded: [UInt8] {
        switch self {
        case .text(let text): Array(text.utf8)
        case .number(let number): Self.bytes(number)
        case .day(let day): Self.bytes(day)
        case .moment(let time, let text): Self.bytes(time) + Array(text.utf8)
        case .pair(let text, let number): Self.bytes(UInt32(text.utf8.count)) + Array(text.utf8) + Self.bytes(number)
        }
    }

    static func bytes<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }
}

/// What a cell should hold, in the words and bytes that records have.
enum ModelCell: Hashable {
    case null
    case word(UInt64)
    case decimal(ExactDecimal)
    case bytes([UInt8])

    static func integer(_ number: Int64?) -> ModelCell { number.map { .word(UInt64(bitPattern: $0)) } ?? .null }
    static func double(_ number: Double?) -> ModelCell { number.map { .word($0.bitPattern) } ?? .null }
    static func boolean(_ value: Bool?) -> ModelCell { value.map { .word($0 ? 1 : 0) } ?? .null }
    static func text(_ text: String?) -> ModelCell { text.map { .bytes(Array($0.utf8)) } ?? .null }

    static func texts(_ texts: [String]?) -> ModelCell {
        guard let texts else { return .null }
        return .bytes(texts.flatMap { ModelKey.bytes(UInt32($0.utf8.count)) + Array($0.utf8) })
    }

    /// The canonical bytes of a number set, straight from its documentation.
    static func numbers(_ numbers: Set<UInt16>) -> ModelCell {
        if numbers.count < 512 { return .bytes(numbers.sorted().flatMap { ModelKey.bytes($0) }) }
        var bits = [UInt8](repeating: 0, count: 1024)
        for number in numbers { bits[Int(number) / 8] |= 1 << (number % 8) }
        return .bytes(bits)
    }
}

/// One row of ``RowsModel/wide``, as a plain value.
struct ModelRow: Hashable {
    var integer: Int64 = 0
    var optionalInteger: Int64?
    var double = 0.0
    var optionalDouble: Double?
    var boolean = false
    var optionalBoolean: Bool?
    var timestamp: Int64 = 0
    var optionalTimestamp: Int64?
    var decimal = ExactDecimal.zero
    var optionalDecimal: ExactDecimal?
    var day: Int32 = 0
    var optionalDay: Int32?
    var text = ""
    var optionalText: String?
    var list: [String] = []
    var optionalList: [String]?
    var texts: Set<String> = []
    var numbers: Set<UInt16> = []
    var integers: [Int64] = []

    /// The cells in the order of the table's columns.
    var cells: [ModelCell] {
        [
            .integer(integer), .integer(optionalInteger), .double(double), .double(optionalDouble),
            .boolean(boolean), .boolean(optionalBoolean), .integer(timestamp), .integer(optionalTimestamp),
            .decimal(decimal), optionalDecimal.map { .decimal($0) } ?? .null, .integer(Int64(day)),
            .integer(optionalDay.map { Int64($0) }), .text(text), .text(optionalText), .texts(list),
            .texts(optionalList),
            .texts(texts.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }),
            .bytes(integers.flatMap { ModelKey.bytes($0) }), .numbers(numbers),
        ]
    }
}

/// Five tables with the five forms of key, each with a column of every type.
struct RowsModel: Sendable {
    struct WideTable: Sendable {
        let table: Table
        let integer: Column<Int64>
        let optionalInteger: Column<Int64?>
        let double: Column<Double>
        let optionalDouble: Column<Double?>
        let boolean: Column<Bool>
        let optionalBoolean: Column<Bool?>
        let timestamp: Column<Timestamp>
        let optionalTimestamp: Column<Timestamp?>
        let decimal: Column<ExactDecimal>
        let optionalDecimal: Column<ExactDecimal?>
        let day: Column<Day>
        let optionalDay: Column<Day?>
        let text: Column<Text>
        let optionalText: Column<Text?>
        let list: Column<[Text]>
        let optionalList: Column<[Text]?>
        let texts: Column<TextSet>
        let numbers: Column<NumberSet>
        let integers: Column<IntegerList>

        init(_ table: Table, in model: inout ReadModel) {
            self.table = table
            integer = model.addColumn("integer", to: table)
            optionalInteger = model.addColumn("optional_integer", to: table)
            double = model.addColumn("double", to: table)
            optionalDouble = model.addColumn("optional_double", to: table)
            boolean = model.addColumn("boolean", to: table)
            optionalBoolean = model.addColumn("optional_boolean", to: table)
            timestamp = model.addColumn("timestamp", to: table)
            optionalTimestamp = model.addColumn("optional_timestamp", to: table)
            decimal = model.addColumn("decimal", to: table)
            optionalDecimal = model.addColumn("optional_decimal", to: table)
            day = model.addColumn("day", to: table)
            optionalDay = model.addColumn("optional_day", to: table)
            text = model.addColumn("text", to: table)
            optionalText = model.addColumn("optional_text", to: table)
            list = model.addColumn("list", to: table)
            optionalList = model.addColumn("optional_list", to: table)
            texts = model.addColumn("texts", to: table)
            integers = model.addColumn("integers", to: table)
            numbers = model.addColumn("numbers", to: table)
        }
    }

    let model: ReadModel
    let byText: WideTable
    let byNumber: WideTable
    let byPair: WideTable
    let byDay: WideTable
    let byMoment: WideTable

    init() {
        var model = ReadModel()
        byText = WideTable(model.addTable("by_text", key: .text("id")), in: &model)
        byNumber = WideTable(model.addTable("by_number", key: .integer("id")), in: &model)
        byPair = WideTable(model.addTable("by_pair", key: .text("id"), .integer("part")), in: &model)
        byDay = WideTable(model.addTable("by_day", key: .date("id")), in: &model)
        byMoment = WideTable(model.addTable("by_moment", key: .timestamp("time"), .text("id")), in: &model)
        self.model = model
    }

    func table(of key: ModelKey) -> WideTable {
        switch key {
        case .text: byText
        case .number: byNumber
        case .pair: byPair
        case .day: byDay
        case .moment: byMoment
        }
    }

    func find(_ key: ModelKey, in rows: Rows) throws -> Row? {
        switch key {
        case .text(let text): try rows.find(byText.table, Text(text))
        case .number(let number): try rows.find(byNumber.table, number)
        case .pair(let text, let number): try rows.find(byPair.table, Text(text), number)
        case .day(let day): try rows.find(byDay.table, Day(rawValue: day))
        case .moment(let time, let text):
            try rows.find(byMoment.table, Timestamp(microseconds: time), Text(text))
        }
    }

    func findOrInsert(_ key: ModelKey, in rows: Rows) throws -> Row {
        switch key {
        case .text(let text): try rows.findOrInsert(byText.table, Text(text))
        case .number(let number): try rows.findOrInsert(byNumber.table, number)
        case .pair(let text, let number): try rows.findOrInsert(byPair.table, Text(text), number)
        case .day(let day): try rows.findOrInsert(byDay.table, Day(rawValue: day))
        case .moment(let time, let text):
            try rows.findOrInsert(byMoment.table, Timestamp(microseconds: time), Text(text))
        }
    }

    /// Where the rows of a key are.
    func tableIndex(of key: ModelKey) -> Int {
        switch key {
        case .text: 0
        case .number: 1
        case .pair: 2
        case .day: 3
        case .moment: 4
        }
    }
}

/// A row as the engine would store it.
struct StoredRow: Hashable {
    var position: Int64
    var cells: [ModelCell]
}

extension ChangedRecord {
    /// The row with everything that a record says of it.
    func stored(_ definition: TableDefinition) -> StoredRow {
        let cells = definition.columns.enumerated().map { index, column -> ModelCell in
            if isNull(index) { return .null }
            switch column.type {
            case .integer, .double, .boolean, .timestamp, .date: return .word(word(index))
            case .decimal: return .decimal(decimal(index))
            case .text, .textList, .textSet, .numberSet, .integerList: return .bytes(Array(bytes(index)))
            }
        }
        return StoredRow(position: position, cells: cells)
    }
}

/// Rows by the bytes of their keys, one dictionary a table.
typealias StoredTables = [[[UInt8]: StoredRow]]

extension Rows {
    /// Everything in complete tables.
    func snapshot() -> StoredTables {
        memories.map { memory in
            Dictionary(
                uniqueKeysWithValues: memory.allRows().map { (Array($0.key), $0.stored(memory.definition)) }
            )
        }
    }

    /// What a commit window does: the changed rows go to the store.
    func write(to store: inout StoredTables) {
        for (index, memory) in memories.enumerated() {
            for change in memory.takeChanges() {
                store[index][Array(change.key)] = change.isPresent ? change.stored(memory.definition) : nil
            }
        }
    }

    /// What the engine does after a pass that missed rows.
    func loadMissing(from store: StoredTables) {
        for (index, keys) in missingKeys.enumerated() {
            for key in keys {
                guard let row = store[index][key.bytes] else {
                    memories[index].loadAbsent(key)
                    continue
                }
                let record = key.bytes.withUnsafeBytes { memories[index].load(key: $0, position: row.position) }
                for (column, cell) in row.cells.enumerated() {
                    switch cell {
                    case .null: record.setNull(column)
                    case .word(let word): record.setWord(column, word)
                    case .decimal(let decimal): record.setDecimal(column, decimal)
                    case .bytes(let bytes): bytes.withUnsafeBytes { record.setBytes(column, $0) }
                    }
                }
            }
        }
    }
}
