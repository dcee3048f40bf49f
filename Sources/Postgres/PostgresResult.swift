internal import CPostgres

/// The rows of one statement, in libpq's memory, decoded on access.
///
/// Rows and columns are numbered from 0. Columns may also be named; of several with the same name the first counts.
/// Accessors check the column's type and throw `.decoding`, naming the column, what was expected and what was found.
public final class PostgresResult: Sendable {
    /// Owned by this object and cleared in `deinit`. libpq never changes a result that it has handed out, and reading it
    /// changes nothing either, so any thread may read.
    private nonisolated(unsafe) let pointer: OpaquePointer
    /// The number of rows.
    public let count: Int
    /// The number of columns.
    public let columnCount: Int

    init(taking pointer: OpaquePointer) {
        self.pointer = pointer
        count = Int(PQntuples(pointer))
        columnCount = Int(PQnfields(pointer))
    }

    deinit {
        PQclear(pointer)
    }

    /// Whether there is no row.
    public var isEmpty: Bool { count == 0 }

    /// How many rows the statement inserted, updated, deleted, copied or selected; 0 for other statements.
    public var affectedRows: Int {
        PQcmdTuples(pointer).flatMap { Int(String(cString: $0)) } ?? 0
    }

    /// The columns' names, in order.
    public var columnNames: [String] { (0..<columnCount).map { columnName($0) } }

    /// The statement's kind as the server reports it, such as `COMMIT`.
    var commandTag: String { PQcmdStatus(pointer).map { String(cString: $0) } ?? "" }

    func columnName(_ column: Int) -> String {
        PQfname(pointer, Int32(column)).map { String(cString: $0) } ?? "?"
    }

    func firstColumn(named name: String) -> Int? {
        (0..<columnCount).first { column in
            name.withCString { wanted in
                guard let found = PQfname(pointer, Int32(column)) else { return false }
                var index = 0
                while wanted[index] == found[index] && wanted[index] != 0 { index += 1 }
                return wanted[index] == found[index]
            }
        }
    }

    /// The object identifier of a column's type; 0 for a column that is not there.
    package func typeOID(_ column: Int) -> UInt32 { PQftype(pointer, Int32(column)) }

    /// The name of a column's type, for messages.
    package func typeName(_ column: Int) -> String { TypeOID.describe(typeOID(column)) }

    func isNull(row: Int, column: Int) -> Bool {
        PQgetisnull(pointer, Int32(row), Int32(column)) == 1
    }

    /// The value's bytes, in the type's binary format. Valid as long as this object.
    func rawBytes(row: Int, column: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: PQgetvalue(pointer, Int32(row), Int32(column)),
            count: Int(PQgetlength(pointer, Int32(row), Int32(column)))
        )
    }
}

/// A way to say which column: its number from 0, or its name.
public protocol PostgresColumn: Sendable {
    /// The column's number in a result.
    ///
    /// - Throws: `.decoding` when there is no such column.
    func position(in result: PostgresResult) throws(PostgresError) -> Int
}

extension Int: PostgresColumn {
    /// The number itself, checked.
    public func position(in result: PostgresResult) throws(PostgresError) -> Int {
        guard self >= 0 && self < result.columnCount else {
            throw PostgresError(.decoding, operation: "read a result", message: "there is no column \(self)")
        }
        return self
    }
}

extension String: PostgresColumn {
    /// The first column of this name.
    public func position(in result: PostgresResult) throws(PostgresError) -> Int {
        guard let column = result.firstColumn(named: self) else {
            throw PostgresError(
                .decoding,
                operation: "read a result",
                message: "there is no column \(self), only \(result.columnNames.joined(separator: ", "))"
            )
        }
        return column
    }
}
