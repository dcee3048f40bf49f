internal import CPostgres

extension PostgresConnection {
    /// Streams rows into the server from chunks that are in memory.
    ///
    /// - Parameters:
    ///   - sql: `COPY … FROM STDIN (FORMAT binary)`, or any other format that the chunks are in.
    ///   - chunks: the data; rows may straddle chunks. `BinaryCopy` builds them.
    /// - Returns: the number of rows.
    @discardableResult
    public func copyIn(_ sql: String, _ chunks: [[UInt8]]) throws(PostgresError) -> Int {
        try beginCopyIn(sql)
        for chunk in chunks { try writeCopy(chunk) }
        return try endCopyIn()
    }

    /// Begins to stream rows into the server. Until `endCopyIn` or `failCopyIn` the connection can do nothing else.
    public func beginCopyIn(_ sql: String) throws(PostgresError) {
        let operation = PostgresError.operation("copy in", sql)
        let pointer = try beginStatement(operation)
        let withSettings = needsSettings
        guard PQsendQuery(pointer, withSettings ? settings.localScript + sql : sql) == 1 else {
            throw link.failure(operation)
        }
        link.flush(pointer)
        guard let first = link.firstResult(pointer, after: withSettings ? settings.entries.count : 0) else {
            throw link.failure(operation)
        }
        defer { PQclear(first) }
        guard PQresultStatus(first) == PGRES_COPY_IN else {
            throw link.refuseCopy(first, pointer, operation, expected: "COPY … FROM STDIN")
        }
        copy = .input(operation: operation)
    }

    /// Sends the next bytes and returns when the operating system has taken them.
    ///
    /// When it throws, the COPY is over and none of its rows stay. `endCopyIn` reports whether the server accepts the
    /// rows.
    public func writeCopy(_ chunk: [UInt8]) throws(PostgresError) {
        let written = chunk.withUnsafeBytes { bytes in
            Result { () throws(PostgresError) in try writeCopy(bytes) }
        }
        try written.get()
    }

    /// Sends bytes that the caller owns; they are no longer needed on return.
    package func writeCopy(_ chunk: UnsafeRawBufferPointer) throws(PostgresError) {
        guard case .input(let operation) = copy else { throw misuse("copy in", "no COPY FROM STDIN is under way") }
        let pointer = try link.open(operation)
        var rest = chunk[...]
        while !rest.isEmpty {
            if Task.isCancelled {
                try failCopyIn("the task was cancelled")
                throw PostgresError(
                    .cancelled,
                    operation: operation,
                    message: "the task was cancelled",
                    address: address
                )
            }
            // One message holds at most 2 GiB; smaller ones also let the server begin sooner.
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 20))
            rest = rest.dropFirst(part.count)
            guard PQputCopyData(pointer, part.assumingMemoryBound(to: CChar.self).baseAddress, Int32(part.count)) == 1
            else {
                copy = .none
                throw link.lastWords(pointer, operation)
            }
            link.flush(pointer)
        }
    }

    /// Completes the COPY.
    ///
    /// - Returns: the number of rows.
    /// - Throws: what the server refused in any of the rows, or `.connectionLost`.
    public func endCopyIn() throws(PostgresError) -> Int {
        guard case .input(let operation) = copy else { throw misuse("copy in", "no COPY FROM STDIN is under way") }
        let pointer = try link.open(operation)
        copy = .none
        guard PQputCopyEnd(pointer, nil) == 1 else { throw link.lastWords(pointer, operation) }
        return try link.finishStatement(operation).affectedRows
    }

    /// Abandons the COPY: none of its rows stay. Inside a transaction this fails the transaction. Not stopped by the
    /// task's cancellation. Does nothing when no COPY FROM STDIN is under way.
    ///
    /// - Parameter reason: what the server's log says.
    public func failCopyIn(_ reason: String) throws(PostgresError) {
        guard case .input(let operation) = copy else { return }
        let pointer = try link.open(operation)
        copy = .none
        guard PQputCopyEnd(pointer, reason) == 1 else { throw link.lastWords(pointer, operation) }
        do throws(PostgresError) {
            _ = try link.finishStatement(operation, cancellable: false)
        } catch  where error.code == .server || error.code == .cancelled {
            // The refusal that was asked for, or one that the server had for the rows already.
            return
        }
    }

    /// Ends any COPY that the body of a failed transaction left open.
    func endCopyForRollback() throws(PostgresError) {
        switch copy {
        case .none: return
        case .out: try cancelCopyOut()
        case .input: try failCopyIn("the transaction is rolled back")
        }
    }
}
