internal import CPostgres

extension PostgresConnection {
    /// Begins to stream rows out of the server. Until `nextCopyRow` has returned false, or `cancelCopyOut`, the
    /// connection can do nothing else.
    ///
    /// - Parameter sql: `COPY (SELECT …) TO STDOUT (FORMAT binary)`. COPY takes no parameters, so values are part of the
    ///   text: numbers, or `quoteLiteral`.
    public func beginCopyOut(_ sql: String) throws(PostgresError) {
        _ = try beginCopyOut(sql, preamble: nil)
    }

    /// The same, behind a SELECT in the same transaction and round trip: planner settings that are to end with the COPY
    /// (`set_config(…, true)`), or a condition on the server.
    ///
    /// - Returns: the SELECT's result, in text format.
    public func beginCopyOut(_ sql: String, after select: String) throws(PostgresError) -> PostgresResult {
        guard let result = try beginCopyOut(sql, preamble: select) else {
            throw misuse("copy out", "the statement before the COPY gave no result")
        }
        return result
    }

    private func beginCopyOut(_ sql: String, preamble: String?) throws(PostgresError) -> PostgresResult? {
        let operation = PostgresError.operation("copy out", sql)
        let pointer = try beginStatement(operation)
        // Statements that are sent together are one transaction.
        let withSettings = needsSettings
        let text = (withSettings ? settings.localScript : "") + (preamble.map { $0 + "; " } ?? "") + sql
        guard PQsendQuery(pointer, text) == 1 else { throw link.failure(operation) }
        link.flush(pointer)
        guard var first = link.firstResult(pointer, after: withSettings ? settings.entries.count : 0) else {
            throw link.failure(operation)
        }
        var found: PostgresResult?
        if preamble != nil, PQresultStatus(first) == PGRES_TUPLES_OK {
            found = PostgresResult(taking: first)
            guard let next = link.nextResult(pointer) else { throw link.failure(operation) }
            first = next
        }
        defer { PQclear(first) }
        guard PQresultStatus(first) == PGRES_COPY_OUT, PQbinaryTuples(first) == 1 else {
            throw link.refuseCopy(first, pointer, operation, expected: "COPY … TO STDOUT (FORMAT binary)")
        }
        copy = .out(CopyOutput(operation: operation, fieldCount: Int(PQnfields(first))))
        return found
    }

    /// Lends the next row of the COPY to `body`, waiting for it if need be.
    ///
    /// Synchronous, so that a function isolated to the connection reads thousands of rows without suspending. When `body`
    /// throws, the COPY stays open: `cancelCopyOut` ends it.
    ///
    /// - Returns: false when there are no more rows; the COPY is then complete and the connection free again.
    /// - Throws: the body's error, or `PostgresError`, after which the COPY is over.
    public func nextCopyRow(_ body: (borrowing CopyRow) throws -> Void) throws -> Bool {
        try nextCopyRows { row in
            try body(row)
            return false
        }
    }

    /// Lends row after row of the COPY to `body` until it returns false; otherwise as `nextCopyRow`.
    ///
    /// Asking for each row alone costs a tenth more.
    ///
    /// - Parameter body: says whether it wants another row; must not use the connection.
    /// - Returns: false when there are no more rows; the COPY is then complete and the connection free again.
    public func nextCopyRows(_ body: (borrowing CopyRow) throws -> Bool) throws -> Bool {
        guard case .out(let output) = copy else { throw misuse("copy out", "no COPY TO STDOUT is under way") }
        let pointer = try link.open(output.operation)
        while true {
            var buffer: UnsafeMutablePointer<CChar>?
            var length = PQgetCopyData(pointer, &buffer, 1)
            while length == 0 {
                link.noticeCancellation()
                // Reading before waiting saves the poll whenever the server is ahead of us.
                guard PQconsumeInput(pointer) == 1 else { break }
                length = PQgetCopyData(pointer, &buffer, 1)
                if length == 0 { link.waitToRead(pointer, cancellable: true) }
            }
            guard length > 0, let buffer else {
                try finishCopyOut(output)
                return false
            }
            defer { PQfreemem(buffer) }
            let message = UnsafeRawBufferPointer(start: buffer, count: Int(length))
            switch output.parse(message) {
            case .row:
                if try !output.row(in: message, body) { return true }
            case .nothing:
                continue
            case .malformed:
                let error = PostgresError(
                    .protocolViolation,
                    operation: output.operation,
                    message: "a row of the COPY is malformed; the connection is closed",
                    address: address
                )
                copy = .none
                link.close(because: error.message)
                throw error
            }
        }
    }

    /// Ends the COPY before its last row: asks the server to cancel it and discards what was already sent.
    ///
    /// Inside a transaction this fails the transaction. Not stopped by the task's cancellation. Does nothing when no COPY
    /// TO STDOUT is under way.
    public func cancelCopyOut() throws(PostgresError) {
        guard case .out(let output) = copy else { return }
        let pointer = try link.open(output.operation)
        copy = .none
        link.cancelNow()
        link.discardCopyData(pointer)
        do throws(PostgresError) {
            _ = try link.finishStatement(output.operation, cancellable: false)
        } catch  where error.code == .cancelled {
            return
        }
    }

    /// The rows are over, or the server stopped: reads the end of the statement.
    private func finishCopyOut(_ output: CopyOutput) throws(PostgresError) {
        copy = .none
        _ = try link.finishStatement(output.operation)
    }
}
