/// What a column holds, with the PostgreSQL type it is stored as.
public enum ColumnType: String, Sendable, Hashable, CaseIterable {
    /// A 64-bit integer: `bigint`.
    case integer
    /// A 64-bit floating point number: `double precision`.
    case double
    /// `boolean`.
    case boolean
    /// Text in UTF-8: `text`.
    case text
    /// An instant in microseconds: `timestamptz`.
    case timestamp
    /// An exact decimal of at most 38 digits: `numeric`.
    case decimal
    /// A day: `date`.
    case date
    /// A list of texts in the order given: a `jsonb` array.
    case textList
    /// Distinct texts, sorted by code point: a `jsonb` array.
    case textSet
    /// Distinct numbers from 0 to 8,191 in canonical bytes (see ``NumberSet``): `bytea`.
    case numberSet
    /// Integers in the order given: a `jsonb` array (see ``IntegerList``).
    case integerList

    /// Whether the value needs memory of its own beside the record.
    var isBlob: Bool {
        switch self {
        case .integer, .double, .boolean, .timestamp, .decimal, .date: false
        case .text, .textList, .textSet, .numberSet, .integerList: true
        }
    }

    /// The machine words that a cell of this type takes in a record.
    var words: Int { isBlob ? 2 : self == .decimal ? 3 : 1 }
}

/// A Swift type that a column can hold; `Optional` of it is a column that may be null.
public protocol ColumnValue: Sendable {
    /// The column's type.
    static var columnType: ColumnType { get }
    /// Whether the column may be null.
    static var isNullable: Bool { get }
}

extension ColumnValue {
    /// Columns are `NOT NULL` unless their value is an `Optional`.
    public static var isNullable: Bool { false }
}

extension Int64: ColumnValue {
    /// `bigint`.
    public static var columnType: ColumnType { .integer }
}

extension Double: ColumnValue {
    /// `double precision`.
    public static var columnType: ColumnType { .double }
}

extension Bool: ColumnValue {
    /// `boolean`.
    public static var columnType: ColumnType { .boolean }
}

extension Text: ColumnValue {
    /// `text`.
    public static var columnType: ColumnType { .text }
}

extension Timestamp: ColumnValue {
    /// `timestamptz`.
    public static var columnType: ColumnType { .timestamp }
}

extension ExactDecimal: ColumnValue {
    /// `numeric`.
    public static var columnType: ColumnType { .decimal }
}

extension Day: ColumnValue {
    /// `date`.
    public static var columnType: ColumnType { .date }
}

extension Array: ColumnValue where Element == Text {
    /// A `jsonb` array in the order given.
    public static var columnType: ColumnType { .textList }
}

extension Optional: ColumnValue where Wrapped: ColumnValue {
    /// The wrapped value's type.
    public static var columnType: ColumnType { Wrapped.columnType }
    /// Always: `nil` is null.
    public static var isNullable: Bool { true }
}

/// Distinct texts, stored as a `jsonb` array sorted by code point.
///
/// The type only marks a column; members are added through ``Row/insert(_:into:)-(Text,_)``.
public enum TextSet: ColumnValue {
    /// A `jsonb` array, distinct and sorted.
    public static var columnType: ColumnType { .textSet }
}

/// Distinct numbers from 0 to 8,191, stored in canonical bytes.
///
/// Fewer than 512 members are a sorted array of little-endian 16-bit numbers; from 512 members on, when the array would
/// be as long, they are a bit set of 1,024 bytes, number n in bit n mod 8 of byte n / 8. A set therefore has one
/// representation, whatever order its members came in, and stays below the length from which PostgreSQL moves a value
/// out of its row. The type only marks a column; members are added through ``Row/insert(_:into:)-(UInt16,_)``.
public enum NumberSet: ColumnValue {
    /// `bytea`.
    public static var columnType: ColumnType { .numberSet }
    /// Members are below this number.
    public static let capacity = 8192
    /// From this many members on the set is stored as bits.
    static let bitSetThreshold = 512
    static let bitSetBytes = 1024
}

/// Integers of 64 bits in the order given, repetitions included, stored as a `jsonb` array.
///
/// The type only marks a column; the list is read and set as a whole, as `[Int64]`, through the row's subscript.
public enum IntegerList: ColumnValue {
    /// A `jsonb` array of numbers.
    public static var columnType: ColumnType { .integerList }
}

/// A typed handle of one column of one table; made by ``ReadModel/addColumn(_:to:isPublic:)``.
///
/// It is good for rows of that table and of no other. A column of another table stops the process with a message. A
/// column of a table with the same name and place in another model is not noticed in a release build: it would reach
/// memory beside the row. A debug build stops there, too.
public struct Column<Value: ColumnValue>: Sendable {
    /// The ``TableDefinition/identity`` of its table.
    let table: UInt64
    /// Byte offset of the cell in a record.
    let offset: Int
    /// The bit of the cell in the record's word of nulls.
    let nullBit: UInt64
}
