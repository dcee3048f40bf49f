package import Engine
package import Refold

/// Turns rows into what the cache holds of them: a JSON object whose first member is `_position`, then the key and the
/// public columns in the order of the view; and the numbers that decide whether a row is hot and where it ranks.
///
/// Timestamps are ISO 8601 in UTC with six digits after the second, days its date alone, floating point numbers the
/// shortest that read back the same, decimals numbers with all their digits, lists and sets of texts and lists
/// of integers arrays, `bytea` its hexadecimal text; what JSON has no number for is a text as in PostgreSQL (`"NaN"`). The same rows give the same bytes,
/// whether they come from folding or from the database.
package struct HotRowEncoder: Sendable {
    private let definition: TableDefinition
    private let orderColumn: Int?
    private let scoreColumn: Int?
    private let groupColumn: Int?
    private let unlessColumn: Int?
    private let isByTime: Bool
    /// `,"name":` for each part of the key and each column; nil for columns that are not public.
    private let keyNames: [[UInt8]]
    private let columnNames: [[UInt8]?]

    /// The first bytes of every row; the position follows.
    package static let opening = Array(#"{"_position":"#.utf8)

    package init(_ hotSet: HotSet) {
        definition = hotSet.definition
        orderColumn = hotSet.order
        scoreColumn = hotSet.ranking?.score
        groupColumn = hotSet.ranking?.group
        unlessColumn = hotSet.ranking?.unless
        isByTime = hotSet.ranking?.isByTime ?? false
        func member(_ name: String) -> [UInt8] {
            var bytes = [UInt8(ascii: ",")]
            bytes.appendJSON(text: name)
            return bytes + [UInt8(ascii: ":")]
        }
        keyNames = definition.key.map { member($0.name) }
        columnNames = definition.columns.map { $0.isPublic ? member($0.name) : nil }
    }

    /// The rows of one table.
    package func encode(_ records: [ChangedRecord]) -> HotRows { encode(records, hasObjects: true) }

    /// Removes rows from the front: at most so many, and no more than that many bytes and a row.
    func encodePiece(of records: inout ArraySlice<ChangedRecord>, rows limit: Int, bytes: Int) -> HotRows {
        var rows = HotRows()
        while rows.rows.count < limit, rows.bytes.count < bytes, let record = records.popFirst() {
            append(record, hasObject: true, to: &rows)
        }
        return rows
    }

    /// The rows without their objects, for rankings: these have keys and scores only.
    func encodeRanked(_ records: [ChangedRecord]) -> HotRows { encode(records, hasObjects: false) }

    private func encode(_ records: [ChangedRecord], hasObjects: Bool) -> HotRows {
        var rows = HotRows()
        rows.rows.reserveCapacity(records.count)
        rows.bytes.reserveCapacity(records.count * (hasObjects ? 320 : 40))
        for record in records { append(record, hasObject: hasObjects, to: &rows) }
        return rows
    }

    private func append(_ record: ChangedRecord, hasObject: Bool, to rows: inout HotRows) {
        let start = rows.bytes.count
        appendKeyText(record.key, to: &rows.bytes)
        let keyEnd = rows.bytes.count
        guard record.isPresent else {
            rows.hasRemovals = true
            rows.rows.append(
                HotRows.Row(
                    start: start,
                    keyEnd: keyEnd,
                    jsonEnd: keyEnd,
                    groupEnd: keyEnd,
                    position: record.position,
                    order: .nan,
                    score: .nan,
                    hasGroup: false
                )
            )
            return
        }
        if hasObject { appendObject(record, to: &rows.bytes) }
        let jsonEnd = rows.bytes.count
        let group = groupColumn.flatMap { hasGroup($0, record) ? $0 : nil }
        if let group { rows.bytes.append(contentsOf: record.bytes(group)) }
        rows.rows.append(
            HotRows.Row(
                start: start,
                keyEnd: keyEnd,
                jsonEnd: jsonEnd,
                groupEnd: rows.bytes.count,
                position: record.position,
                order: order(record),
                score: score(record),
                hasGroup: group != nil
            )
        )
    }

    // MARK: The object

    private func appendObject(_ record: ChangedRecord, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: Self.opening)
        bytes.appendDecimal(record.position)
        let key = record.key
        for (index, name) in keyNames.enumerated() {
            bytes.append(contentsOf: name)
            appendKeyPart(index, of: key, to: &bytes)
        }
        for (index, name) in columnNames.enumerated() {
            guard let name else { continue }
            bytes.append(contentsOf: name)
            appendValue(index, of: record, to: &bytes)
        }
        bytes.append(UInt8(ascii: "}"))
    }

    private func appendValue(_ index: Int, of record: ChangedRecord, to bytes: inout [UInt8]) {
        guard !isNull(index, in: record) else { return bytes.append(contentsOf: "null".utf8) }
        switch definition.columns[index].type {
        case .integer: bytes.appendDecimal(Int64(bitPattern: record.word(index)))
        case .double: bytes.appendJSON(Double(bitPattern: record.word(index)))
        case .boolean: bytes.append(contentsOf: record.word(index) == 0 ? "false".utf8 : "true".utf8)
        case .timestamp: bytes.appendJSON(Timestamp(microseconds: Int64(bitPattern: record.word(index))))
        case .decimal: bytes.append(contentsOf: record.decimal(index).description.utf8)
        case .date: bytes.appendJSON(record.day(index))
        case .text: bytes.appendJSON(text: record.bytes(index))
        case .textList, .textSet: bytes.appendJSON(texts: record.bytes(index))
        case .numberSet: bytes.appendJSON(hexadecimal: record.bytes(index))
        case .integerList: bytes.appendJSON(integers: record.bytes(index))
        }
    }

    /// Whether a row's value in the group column can be the name of a set.
    func hasGroup(_ index: Int, _ record: ChangedRecord) -> Bool {
        !isNull(index, in: record) && record.bytes(index).count <= HotSet.longestGroup
    }

    func isNull(_ index: Int, in record: ChangedRecord) -> Bool {
        definition.columns[index].isNullable && record.isNull(index)
    }

    /// The value that orders hot rows; NaN for a row that has none and is never hot.
    func order(_ record: ChangedRecord) -> Double {
        orderColumn.map { number($0, in: record) } ?? Double(record.position)
    }

    /// The score in the rankings; NaN for none.
    func score(_ record: ChangedRecord) -> Double {
        guard let scoreColumn else { return .nan }
        if let unlessColumn, !isNull(unlessColumn, in: record) { return .nan }
        let score = number(scoreColumn, in: record)
        return isByTime ? score + Double(HotSet.epoch) : score
    }

    /// The value of a column that is a number or a time, NaN for null.
    private func number(_ index: Int, in record: ChangedRecord) -> Double {
        guard !isNull(index, in: record) else { return .nan }
        switch definition.columns[index].type {
        case .double: return Double(bitPattern: record.word(index))
        case .decimal: return record.decimal(index).nearestDouble
        default: return Double(Int64(bitPattern: record.word(index)))
        }
    }

    // MARK: The key

    /// The key as it appears in the name of the row's cache key.
    func keyText(_ record: ChangedRecord) -> [UInt8] {
        var bytes: [UInt8] = []
        appendKeyText(record.key, to: &bytes)
        return bytes
    }

    /// The key in the name of the row's cache key: the text itself, an integer in decimal, a day as `2024-03-01`, and for
    /// keys of several parts a JSON array of them.
    private func appendKeyText(_ key: UnsafeRawBufferPointer, to bytes: inout [UInt8]) {
        guard definition.key.count == 1 else {
            for index in definition.key.indices {
                bytes.append(UInt8(ascii: index == 0 ? "[" : ","))
                appendKeyPart(index, of: key, to: &bytes)
            }
            return bytes.append(UInt8(ascii: "]"))
        }
        switch definition.key[0].type {
        case .integer: appendKeyPart(0, of: key, to: &bytes)
        case .date: bytes.append(contentsOf: Self.day(key).description.utf8)
        default: bytes.append(contentsOf: key)
        }
    }

    private func appendKeyPart(_ index: Int, of key: UnsafeRawBufferPointer, to bytes: inout [UInt8]) {
        let part = KeyParts.part(index, of: definition.key, in: key)
        switch definition.key[index].type {
        case .integer: bytes.appendDecimal(Int64(littleEndian: part.loadUnaligned(as: Int64.self)))
        case .date: bytes.appendJSON(Self.day(part))
        case .timestamp:
            bytes.appendJSON(Timestamp(microseconds: Int64(littleEndian: part.loadUnaligned(as: Int64.self))))
        default: bytes.appendJSON(text: part)
        }
    }

    private static func day(_ part: UnsafeRawBufferPointer) -> Day {
        Day(rawValue: Int32(littleEndian: part.loadUnaligned(as: Int32.self)))
    }
}

extension ExactDecimal {
    /// The number that orders it among others; the nearest, so that close ones may come out equal.
    fileprivate var nearestDouble: Double { Double(description) ?? 0 }
}
