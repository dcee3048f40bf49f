import Refold

/// Something an event does to rows; it can be done to real ones and to the dictionary that tells what should come out.
enum RowOperation {
    case touch(ModelKey)
    case integer(ModelKey, Int64)
    case optionalInteger(ModelKey, Int64?)
    case double(ModelKey, Double)
    case optionalDouble(ModelKey, Double?)
    case boolean(ModelKey, Bool)
    case optionalBoolean(ModelKey, Bool?)
    case timestamp(ModelKey, Int64)
    case optionalTimestamp(ModelKey, Int64?)
    case decimal(ModelKey, ExactDecimal)
    case optionalDecimal(ModelKey, ExactDecimal?)
    case day(ModelKey, Int32)
    case optionalDay(ModelKey, Int32?)
    case text(ModelKey, String)
    case optionalText(ModelKey, String?)
    case list(ModelKey, [String])
    case optionalList(ModelKey, [String]?)
    case texts(ModelKey, [String])
    case insertText(ModelKey, String)
    case insertNumbers(ModelKey, first: UInt16, count: Int, step: Int)
    case integers(ModelKey, [Int64])
    case add(ModelKey, Int64)
    case addDecimal(ModelKey, ExactDecimal)
    case delete(ModelKey)
    /// Deletes the row when it is there, inserts it when it is not: a wrong look shows.
    case toggle(ModelKey)
    /// Adds what one row holds to another, so that what was read wrongly spreads.
    case addTo(ModelKey, from: ModelKey)
    /// Refuses the event when the row is there.
    case refuseIfPresent(ModelKey)
    case refuse

    /// The numbers of ``insertNumbers(_:first:count:step:)``.
    static func numbers(_ first: UInt16, _ count: Int, _ step: Int) -> [UInt16] {
        (0..<count).map { UInt16((Int(first) + $0 * step) % NumberSet.capacity) }
    }

    func apply(to rows: Rows, _ model: RowsModel) throws {
        func row(_ key: ModelKey) throws -> (Row, RowsModel.WideTable) {
            (try model.findOrInsert(key, in: rows), model.table(of: key))
        }
        switch self {
        case .touch(let key):
            _ = try row(key)
        case .integer(let key, let value):
            let (row, columns) = try row(key)
            row[columns.integer] = value
        case .optionalInteger(let key, let value):
            let (row, columns) = try row(key)
            row[columns.optionalInteger] = value
        case .double(let key, let value):
            let (row, columns) = try row(key)
            row[columns.double] = value
        case .optionalDouble(let key, let value):
            let (row, columns) = try row(key)
            row[columns.optionalDouble] = value
        case .boolean(let key, let value):
            let (row, columns) = try row(key)
            row[columns.boolean] = value
        case .optionalBoolean(let key, let value):
            let (row, columns) = try row(key)
            row[columns.optionalBoolean] = value
        case .timestamp(let key, let value):
            let (row, columns) = try row(key)
            row[columns.timestamp] = Timestamp(microseconds: value)
        case .optionalTimestamp(let key, let value):
            let (row, columns) = try row(key)
            row[columns.optionalTimestamp] = value.map { Timestamp(microseconds: $0) }
        case .text(let key, let value):
            let (row, columns) = try row(key)
            row[columns.text] = Text(value)
        case .optionalText(let key, let value):
            let (row, columns) = try row(key)
            row[columns.optionalText] = value.map { Text($0) }
        case .list(let key, let value):
            let (row, columns) = try row(key)
            row[columns.list] = value.map { Text($0) }
        case .optionalList(let key, let value):
            let (row, columns) = try row(key)
            row[columns.optionalList] = value?.map { Text($0) }
        default:
            try applyMore(to: rows, model)
        }
    }

    private func applyMore(to rows: Rows, _ model: RowsModel) throws {
        switch self {
        case .texts(let key, let value):
            try model.findOrInsert(key, in: rows).replace(model.table(of: key).texts, with: value.map { Text($0) })
        case .insertText(let key, let value):
            try model.findOrInsert(key, in: rows).insert(Text(value), into: model.table(of: key).texts)
        case .insertNumbers(let key, let first, let count, let step):
            let row = try model.findOrInsert(key, in: rows)
            for number in Self.numbers(first, count, step) { row.insert(number, into: model.table(of: key).numbers) }
        case .integers(let key, let value):
            try model.findOrInsert(key, in: rows)[model.table(of: key).integers] = value
        case .decimal(let key, let value):
            try model.findOrInsert(key, in: rows)[model.table(of: key).decimal] = value
        case .optionalDecimal(let key, let value):
            try model.findOrInsert(key, in: rows)[model.table(of: key).optionalDecimal] = value
        case .day(let key, let value):
            try model.findOrInsert(key, in: rows)[model.table(of: key).day] = Day(rawValue: value)
        case .optionalDay(let key, let value):
            try model.findOrInsert(key, in: rows)[model.table(of: key).optionalDay] = value.map { Day(rawValue: $0) }
        case .addDecimal(let key, let amount):
            try model.findOrInsert(key, in: rows).add(amount, to: model.table(of: key).decimal)
        case .add(let key, let amount):
            try model.findOrInsert(key, in: rows).add(amount, to: model.table(of: key).integer)
        case .delete(let key):
            try model.find(key, in: rows)?.delete()
        case .toggle(let key):
            if let row = try model.find(key, in: rows) {
                row.delete()
            } else {
                _ = try model.findOrInsert(key, in: rows)
            }
        case .addTo(let key, let source):
            let amount = try model.find(source, in: rows)?[model.table(of: source).integer] ?? -1
            try model.findOrInsert(key, in: rows).add(amount, to: model.table(of: key).integer)
        case .refuseIfPresent(let key):
            if try model.find(key, in: rows) != nil { throw EventRefusal("it is there") }
        default:
            throw EventRefusal("always")
        }
    }

    /// - Returns: false when the event is refused.
    func apply(to rows: inout [ModelKey: ModelRow]) -> Bool {
        switch self {
        case .touch(let key): rows[key, default: .init()].integer += 0
        case .integer(let key, let value): rows[key, default: .init()].integer = value
        case .optionalInteger(let key, let value): rows[key, default: .init()].optionalInteger = value
        case .double(let key, let value): rows[key, default: .init()].double = value
        case .optionalDouble(let key, let value): rows[key, default: .init()].optionalDouble = value
        case .boolean(let key, let value): rows[key, default: .init()].boolean = value
        case .optionalBoolean(let key, let value): rows[key, default: .init()].optionalBoolean = value
        case .timestamp(let key, let value): rows[key, default: .init()].timestamp = value
        case .optionalTimestamp(let key, let value): rows[key, default: .init()].optionalTimestamp = value
        case .decimal(let key, let value): rows[key, default: .init()].decimal = value
        case .optionalDecimal(let key, let value): rows[key, default: .init()].optionalDecimal = value
        case .day(let key, let value): rows[key, default: .init()].day = value
        case .optionalDay(let key, let value): rows[key, default: .init()].optionalDay = value
        case .addDecimal(let key, let amount):
            guard let sum = try? rows[key, default: .init()].decimal.adding(amount) else { return false }
            rows[key, default: .init()].decimal = sum
        case .text(let key, let value): rows[key, default: .init()].text = value
        case .optionalText(let key, let value): rows[key, default: .init()].optionalText = value
        case .list(let key, let value): rows[key, default: .init()].list = value
        case .optionalList(let key, let value): rows[key, default: .init()].optionalList = value
        case .texts(let key, let value): rows[key, default: .init()].texts = Set(value)
        case .insertText(let key, let value): rows[key, default: .init()].texts.insert(value)
        case .insertNumbers(let key, let first, let count, let step):
            rows[key, default: .init()].numbers.formUnion(Self.numbers(first, count, step))
        case .integers(let key, let value): rows[key, default: .init()].integers = value
        case .add(let key, let amount): return Self.add(amount, to: key, &rows)
        case .delete(let key): rows[key] = nil
        case .toggle(let key): rows[key] = rows[key] == nil ? ModelRow() : nil
        case .addTo(let key, let source): return Self.add(rows[source]?.integer ?? -1, to: key, &rows)
        case .refuseIfPresent(let key): return rows[key] == nil
        case .refuse: return false
        }
        return true
    }

    private static func add(_ amount: Int64, to key: ModelKey, _ rows: inout [ModelKey: ModelRow]) -> Bool {
        let (sum, overflow) = rows[key, default: .init()].integer.addingReportingOverflow(amount)
        if overflow { return false }
        rows[key, default: .init()].integer = sum
        return true
    }
}
