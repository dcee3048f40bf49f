/// The tables that one projection owns.
///
/// A projection builds its model once, in its initialiser:
///
///     var model = ReadModel()
///     scores = model.addTable("trending_score", key: .text("content_id"))
///     genre = model.addColumn("genre", to: scores)          // Column<Text?>
///     score = model.addColumn("score", to: scores)          // Column<Double>
public struct ReadModel: Sendable, Hashable {
    /// The tables in the order they were added.
    public private(set) var tables: [TableDefinition] = []

    /// A model without tables.
    public init() {}

    /// Adds a table with its key.
    ///
    /// - Parameters:
    ///   - name: the table's name, unique in the database, of at most 40 bytes; readers see the view
    ///     `read_models.<name>`.
    ///   - key: what identifies a row, in the order of the primary key: a text, an integer, a day, a text and an integer,
    ///     or a time and a text.
    ///   - isPublic: whether readers get a view; tables that a projection needs for itself have none.
    public mutating func addTable(_ name: String, key: KeyColumn..., isPublic: Bool = true) -> Table {
        guard let keyForm = KeyForm(key.map(\.type)) else {
            preconditionFailure(
                "the key of table \(name) is a text, an integer, a day, a text and an integer, or a time and a text"
            )
        }
        for column in key { Self.check(column.name, of: name) }
        // PostgreSQL cuts names after 63 bytes, and those of generations are longer.
        precondition(name.utf8.count <= 40, "the name of table \(name) has more than 40 bytes")
        precondition(!tables.contains { $0.name == name }, "table \(name) is there twice")
        let definition = TableDefinition(name: name, key: key, columns: [], isPublic: isPublic, index: tables.count)
        tables.append(definition)
        return Table(index: definition.index, identity: definition.identity, keyForm: keyForm, name: name)
    }

    /// Columns that Refold adds are called `generation` or begin with an underscore; PostgreSQL cuts names after 63
    /// bytes.
    private static func check(_ column: String, of table: String) {
        precondition(
            column != "generation" && !column.hasPrefix("_") && (1...63).contains(column.utf8.count),
            "a column of table \(table) cannot be called \"\(column)\""
        )
    }

    /// Adds a column after the ones already there; its type is the handle's.
    ///
    /// A row that is inserted starts with null where the column may be null, else with 0, false, 2000-01-01, the empty
    /// text or the empty collection. At most 64 columns a table.
    ///
    /// - Parameter isPublic: whether the view shows the column; others are the projection's own.
    public mutating func addColumn<Value: ColumnValue>(
        _ name: String,
        to table: Table,
        isPublic: Bool = true
    ) -> Column<Value> {
        Self.check(name, of: table.name)
        checkTable(table)
        var definition = tables[table.index]
        precondition(definition.columns.count < 64, "table \(table.name) has more than 64 columns")
        precondition(
            !definition.columns.contains { $0.name == name } && !definition.key.contains { $0.name == name },
            "column \(name) is there twice in table \(table.name)"
        )
        let column = Column<Value>(
            table: table.identity,
            offset: definition.recordBytes,
            nullBit: 1 << UInt64(definition.columns.count)
        )
        definition.columns.append(
            ColumnDefinition(
                name: name,
                type: Value.columnType,
                isNullable: Value.isNullable,
                isPublic: isPublic,
                offset: definition.recordBytes
            )
        )
        tables[table.index] = definition
        return column
    }

    /// Adds an index beside the primary key, for readers that look for rows by other columns: `last_active` makes the
    /// users of the last hour one look-up.
    ///
    /// It exists from the moment on in which readers see the generation, and each commit that changes one of its columns
    /// updates it. A projection itself reaches rows by their key alone.
    ///
    /// - Parameter columns: public columns of types with a fixed length, as integers and times: an entry has room for
    ///   2,704 bytes.
    public mutating func addIndex(to table: Table, on columns: String...) {
        checkTable(table)
        let definition = tables[table.index]
        precondition(definition.isPublic && !columns.isEmpty, "an index of table \(table.name) would serve no reader")
        for name in columns {
            precondition(
                definition.columns.contains { $0.name == name && $0.isPublic && !$0.type.isBlob },
                "column \(name) of table \(table.name) cannot be indexed"
            )
        }
        tables[table.index].indexes.append(columns)
    }

    private func checkTable(_ table: Table) {
        precondition(
            table.index < tables.count && tables[table.index].identity == table.identity,
            "table \(table.name) is one of another model"
        )
    }
}

/// A handle of one table of a projection; made by ``ReadModel/addTable(_:key:isPublic:)``. One of another model stops
/// the process with a message.
public struct Table: Sendable, Hashable {
    let index: Int
    /// The ``TableDefinition/identity``.
    let identity: UInt64
    let keyForm: KeyForm
    /// The table's name.
    public let name: String
}

/// The keys that a row can be reached by.
enum KeyForm: Sendable {
    case text, integer, date, textAndInteger, timestampAndText

    init?(_ types: [ColumnType]) {
        switch types {
        case [.text]: self = .text
        case [.integer]: self = .integer
        case [.date]: self = .date
        case [.text, .integer]: self = .textAndInteger
        case [.timestamp, .text]: self = .timestampAndText
        default: return nil
        }
    }
}

/// A column of a key.
public struct KeyColumn: Sendable, Hashable {
    /// The column's name.
    public let name: String
    /// `.text`, `.integer`, `.date` or `.timestamp`.
    public let type: ColumnType

    /// A key column of type `text`.
    public static func text(_ name: String) -> KeyColumn { KeyColumn(name: name, type: .text) }
    /// A key column of type `bigint`.
    public static func integer(_ name: String) -> KeyColumn { KeyColumn(name: name, type: .integer) }
    /// A key column of type `date`.
    public static func date(_ name: String) -> KeyColumn { KeyColumn(name: name, type: .date) }
    /// A key column of type `timestamptz`.
    public static func timestamp(_ name: String) -> KeyColumn { KeyColumn(name: name, type: .timestamp) }
}

/// A table as its projection states it.
public struct TableDefinition: Sendable, Hashable {
    /// The table's name.
    public let name: String
    /// The columns of the primary key, in order.
    public let key: [KeyColumn]
    /// The other columns, in order.
    public internal(set) var columns: [ColumnDefinition]
    /// The columns of each index beside the primary key, in the order they were added.
    public internal(set) var indexes: [[String]] = []
    /// Whether readers get a view of it.
    public let isPublic: Bool
    /// Its place in the model.
    let index: Int

    /// What distinguishes it from tables of other models: a number made of name and place (FNV-1a).
    var identity: UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in Array(name.utf8) + [UInt8(truncatingIfNeeded: index)] {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        return hash
    }

    /// Whether a handle is that of one of its columns.
    func hasColumn<Value>(_ column: Column<Value>) -> Bool {
        columns.enumerated().contains { index, definition in
            definition.offset == column.offset && definition.type == Value.columnType
                && definition.isNullable == Value.isNullable && column.nullBit == 1 << UInt64(index)
        }
    }

    /// Bytes of one record in memory: the header, then the cells.
    var recordBytes: Int {
        columns.reduce(RecordHeader.bytes) { $0 + $1.type.words * 8 }
    }
}

/// A column as its projection states it.
public struct ColumnDefinition: Sendable, Hashable {
    /// The column's name.
    public let name: String
    /// What it holds.
    public let type: ColumnType
    /// Whether it may be null.
    public let isNullable: Bool
    /// Whether the view shows it.
    public let isPublic: Bool
    let offset: Int
}
