package import Engine
package import Postgres
package import Refold

/// A projection with a column of every type under keys of both forms; what its events do, a test says by position.
package struct EveryType: Projection {
    package typealias Script = [Int64: @Sendable (EveryType, Rows) throws -> Void]

    package let name: ProjectionName = "every_type"
    package let version = 1
    package let eventTypes: [EventType] = [.put]
    package let model: ReadModel
    private let script: Script

    package let wide: Table
    package let integer: Column<Int64>
    package let optionalInteger: Column<Int64?>
    package let double: Column<Double>
    package let optionalDouble: Column<Double?>
    package let boolean: Column<Bool>
    package let optionalBoolean: Column<Bool?>
    package let timestamp: Column<Timestamp>
    package let optionalTimestamp: Column<Timestamp?>
    package let decimal: Column<ExactDecimal>
    package let optionalDecimal: Column<ExactDecimal?>
    package let date: Column<Day>
    package let optionalDate: Column<Day?>
    package let text: Column<Text>
    package let optionalText: Column<Text?>
    package let list: Column<[Text]>
    package let optionalList: Column<[Text]?>
    package let texts: Column<TextSet>
    package let integers: Column<IntegerList>

    package let pairs: Table
    package let members: Column<NumberSet>
    package let numbered: Table
    package let note: Column<Text?>
    package let days: Table
    package let sum: Column<ExactDecimal>
    package let moments: Table
    package let seconds: Column<IntegerList>
    package let width: Column<Int64>

    package init(_ script: Script = [:]) {
        self.script = script
        var model = ReadModel()
        wide = model.addTable("every type", key: .text("the \"key\""))
        integer = model.addColumn("integer", to: wide)
        optionalInteger = model.addColumn("optional_integer", to: wide)
        double = model.addColumn("double", to: wide)
        optionalDouble = model.addColumn("optional_double", to: wide)
        boolean = model.addColumn("boolean", to: wide)
        optionalBoolean = model.addColumn("optional_boolean", to: wide)
        timestamp = model.addColumn("timestamp", to: wide)
        optionalTimestamp = model.addColumn("optional_timestamp", to: wide)
        decimal = model.addColumn("decimal", to: wide)
        optionalDecimal = model.addColumn("optional_decimal", to: wide)
        date = model.addColumn("date", to: wide)
        optionalDate = model.addColumn("optional_date", to: wide)
        text = model.addColumn("text", to: wide)
        optionalText = model.addColumn("Optional Text", to: wide)
        list = model.addColumn("list", to: wide)
        optionalList = model.addColumn("optional_list", to: wide)
        texts = model.addColumn("texts", to: wide)
        integers = model.addColumn("integers", to: wide)
        pairs = model.addTable("every_pair", key: .text("id"), .integer("part"), isPublic: false)
        members = model.addColumn("members", to: pairs)
        numbered = model.addTable("every_number", key: .integer("id"))
        note = model.addColumn("note", to: numbered)
        days = model.addTable("every_day", key: .date("day"))
        sum = model.addColumn("sum", to: days)
        moments = model.addTable("every_moment", key: .timestamp("moment"), .text("of"))
        seconds = model.addColumn("seconds", to: moments, isPublic: false)
        width = model.addColumn("the width", to: moments)
        model.addIndex(to: moments, on: "the width")
        self.model = model
    }

    package func apply(_ event: Event, to rows: Rows) throws { try script[event.position.rawValue]?(self, rows) }
}

/// The rows of ``EveryType`` in memory and what is asked of them.
package final class EveryRow {
    package let rows: Rows
    private let model: ReadModel

    package init(_ model: ReadModel, isComplete: Bool = true) {
        self.model = model
        rows = Rows(model, isComplete: isComplete)
    }

    /// Applies the event at a position; false when it is refused or misses a row.
    @discardableResult
    package func apply(_ projection: any Projection, at position: Int64) -> Bool {
        rows.beginPass()
        let event = Event(position: GlobalPosition(position), type: .put, payload: "{}")
        guard case .applied = rows.apply(event, with: projection) else {
            rows.undoPass()
            return false
        }
        rows.acceptPass()
        return true
    }

    /// Everything in memory, in words that can be compared: rows by the bytes of their keys, table by table.
    package var content: [[[UInt8]: [String]]] {
        rows.memories.map { memory in
            var content: [[UInt8]: [String]] = [:]
            for row in memory.allRows() {
                content[Array(row.key)] =
                    ["\(row.position)"]
                    + memory.definition.columns.enumerated().map { index, column in
                        if row.isNull(index) { return "null" }
                        switch column.type {
                        case .integer, .double, .boolean, .timestamp, .date: return "\(row.word(index))"
                        case .decimal: return "\(row.decimal(index))"
                        case .text, .textList, .textSet, .numberSet, .integerList:
                            return "\(Array(row.bytes(index)))"
                        }
                    }
            }
            return content
        }
    }

    package var keys: [[EncodedKey]] {
        rows.memories.map { memory in memory.allRows().map { EncodedKey(bytes: Array($0.key)) } }
    }

    // MARK: Windows

    private func changes() -> [(TableDefinition, [ChangedRecord])] {
        rows.memories.map { ($0.definition, $0.takeChanges()) }
    }

    package func versions() -> CommitWindow.Rows {
        .versions(changes().map { RowEncoder(definition: $0).copyRows($1, withDeletions: true) })
    }

    package func borrowedVersions() -> CommitWindow.Rows {
        .borrowedVersions(rows.memories.map { BorrowedRows(changes: $0.takeChanges(), of: $0) })
    }

    package func whole() -> CommitWindow.Rows {
        _ = changes()
        return .whole(
            rows.memories.map { BorrowedRows($0) }
        )
    }

    package func replacements(_ tables: [GenerationTable]) -> CommitWindow.Rows {
        .replacements(
            zip(changes(), tables).flatMap { changes, table in
                let encoder = RowEncoder(definition: changes.0)
                return encoder.upserts(changes.1.filter(\.isPresent)).map { table.upsert($0) }
                    + encoder.deletions(changes.1.filter { !$0.isPresent }).map { table.deletion($0) }
            }
        )
    }
}

extension CommitWindow {
    /// A window that moves the checkpoint, with rows and letters.
    package static func from(_ start: Int64, to end: Int64, _ rows: CommitWindow.Rows, letters: [DeadLetter] = [])
        -> CommitWindow
    {
        CommitWindow(
            from: GlobalPosition(start),
            to: GlobalPosition(end),
            events: 1,
            rate: nil,
            rows: rows,
            deadLetters: letters,
            hotRows: .none
        )
    }
}

extension GenerationTable {
    package func upsert(_ parameters: [PostgresValue]) -> PostgresStatement {
        PostgresStatement(upsertSQL, parameters)
    }

    package func deletion(_ parameters: [PostgresValue]) -> PostgresStatement {
        PostgresStatement(deleteSQL, parameters)
    }
}
