extension PostgresResult {
    /// The rows, in order.
    public var rows: PostgresRows { PostgresRows(result: self) }
}

/// The rows of a result.
public struct PostgresRows: RandomAccessCollection, Sendable {
    let result: PostgresResult

    /// 0.
    public var startIndex: Int { 0 }
    /// The number of rows.
    public var endIndex: Int { result.count }
    /// The row at `position`, from 0.
    public subscript(position: Int) -> PostgresRow {
        precondition(position >= 0 && position < result.count, "no such row")
        return PostgresRow(result: result, index: position)
    }
}

/// One row of a result; keeps the result alive. Columns are given by number or by name.
public struct PostgresRow: Sendable {
    let result: PostgresResult
    /// The row's place in the result, from 0.
    public let index: Int

    /// Whether the value is NULL.
    public func isNull(_ column: some PostgresColumn) throws(PostgresError) -> Bool {
        try result.isNull(index, column)
    }

    /// See `PostgresResult.int64`.
    public func int64(_ column: some PostgresColumn) throws(PostgresError) -> Int64 { try result.int64(index, column) }

    /// See `PostgresResult.int32`.
    public func int32(_ column: some PostgresColumn) throws(PostgresError) -> Int32 { try result.int32(index, column) }

    /// See `PostgresResult.int16`.
    public func int16(_ column: some PostgresColumn) throws(PostgresError) -> Int16 { try result.int16(index, column) }

    /// See `PostgresResult.double`.
    public func double(_ column: some PostgresColumn) throws(PostgresError) -> Double {
        try result.double(index, column)
    }

    /// See `PostgresResult.bool`.
    public func bool(_ column: some PostgresColumn) throws(PostgresError) -> Bool { try result.bool(index, column) }

    /// See `PostgresResult.text`.
    public func text(_ column: some PostgresColumn) throws(PostgresError) -> String { try result.text(index, column) }

    /// See `PostgresResult.bytes`.
    public func bytes(_ column: some PostgresColumn) throws(PostgresError) -> [UInt8] {
        try result.bytes(index, column)
    }

    /// See `PostgresResult.timestamp`.
    public func timestamp(_ column: some PostgresColumn) throws(PostgresError) -> Int64 {
        try result.timestamp(index, column)
    }

    /// See `PostgresResult.textArray`.
    public func textArray(_ column: some PostgresColumn) throws(PostgresError) -> [String] {
        try result.textArray(index, column)
    }

    /// See `PostgresResult.int64Array`.
    public func int64Array(_ column: some PostgresColumn) throws(PostgresError) -> [Int64] {
        try result.int64Array(index, column)
    }

    /// Like `int64`, nil for NULL.
    public func optionalInt64(_ column: some PostgresColumn) throws(PostgresError) -> Int64? {
        try isNull(column) ? nil : int64(column)
    }

    /// Like `int32`, nil for NULL.
    public func optionalInt32(_ column: some PostgresColumn) throws(PostgresError) -> Int32? {
        try isNull(column) ? nil : int32(column)
    }

    /// Like `double`, nil for NULL.
    public func optionalDouble(_ column: some PostgresColumn) throws(PostgresError) -> Double? {
        try isNull(column) ? nil : double(column)
    }

    /// Like `text`, nil for NULL.
    public func optionalText(_ column: some PostgresColumn) throws(PostgresError) -> String? {
        try isNull(column) ? nil : text(column)
    }

    /// Like `timestamp`, nil for NULL.
    public func optionalTimestamp(_ column: some PostgresColumn) throws(PostgresError) -> Int64? {
        try isNull(column) ? nil : timestamp(column)
    }
}
