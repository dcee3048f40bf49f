internal import CPostgres

extension PostgresConnection {
    /// Runs one statement and returns its rows, in one round trip.
    ///
    /// - Parameters:
    ///   - sql: exactly one statement, parameters written `$1`, `$2`, …
    ///   - parameters: their values, in order.
    /// - Throws: `.server` with the server's reasons, `.cancelled`, `.connectionLost`, `.invalidParameter`.
    public func query(_ sql: String, _ parameters: [PostgresValue] = []) throws(PostgresError) -> PostgresResult {
        do throws(PostgresError) {
            return try run(sql, parameters)
        } catch  where error.planIsStale && transactionStatus == .idle {
            // Outside a transaction nothing has happened yet, so the statement is simply prepared again.
            return try run(sql, parameters)
        }
    }

    /// Runs one statement and returns how many rows it inserted, updated, deleted or selected; 0 for DDL.
    @discardableResult
    public func execute(_ sql: String, _ parameters: [PostgresValue] = []) throws(PostgresError) -> Int {
        try query(sql, parameters).affectedRows
    }

    /// Runs any number of statements separated by semicolons, without parameters and without results.
    ///
    /// Unless the script says BEGIN itself they are one transaction (simple query protocol).
    public func executeScript(_ sql: String) throws(PostgresError) {
        try simple(sql, cancellable: true)
    }

    /// Runs one statement that the server refuses in a transaction, such as VACUUM or ALTER TABLE … DETACH CONCURRENTLY,
    /// without parameters and without a result.
    ///
    /// Behind a pooler none of the session's settings holds for it.
    public func executeOutsideTransaction(_ sql: String) throws(PostgresError) {
        try simple(sql, cancellable: true, withSettings: false)
    }

    /// Runs a statement in the simple protocol and returns the last result.
    ///
    /// - Parameter withSettings: whether the settings go before it where they have to.
    @discardableResult
    func simple(_ sql: String, cancellable: Bool, withSettings: Bool = true) throws(PostgresError) -> PostgresResult {
        let pointer = try beginStatement(PostgresError.operation("execute", sql), cancellable: cancellable)
        let text = withSettings && needsSettings ? settings.localScript + sql : sql
        guard PQsendQuery(pointer, text) == 1 else { throw link.failure(PostgresError.operation("execute", sql)) }
        return try link.finishStatement(PostgresError.operation("execute", sql), cancellable: cancellable)
    }

    private func run(_ sql: String, _ values: [PostgresValue]) throws(PostgresError) -> PostgresResult {
        try parameters.encode(values)
        // The settings go before it in the same round trip, which takes a pipeline.
        if needsSettings { return try runPipeline([PostgresStatement(sql, values)])[0] }
        guard preparesStatements && StatementCache.isWorthPreparing(sql) else {
            return try runEncoded(sql, preparedAs: nil)
        }
        guard let name = statements.name(of: sql, types: parameters.types) else {
            // Preparing and executing in one round trip takes a pipeline.
            return try runPipeline([PostgresStatement(sql, values)])[0]
        }
        do throws(PostgresError) {
            return try runEncoded(sql, preparedAs: name)
        } catch {
            if error.planIsStale {
                statements.forget(sql, name: name, isOnServer: error.sqlState != .invalidStatementName)
            }
            throw error
        }
    }

    /// Runs a statement with the parameters encoded last.
    private func runEncoded(_ sql: String, preparedAs name: String?) throws(PostgresError) -> PostgresResult {
        let pointer = try beginStatement(PostgresError.operation("query", sql))
        let isSent = if let name { sendPrepared(pointer, name) } else { sendUnprepared(pointer, sql) }
        guard isSent else { throw link.failure(PostgresError.operation("query", sql)) }
        return try link.finishStatement(PostgresError.operation("query", sql))
    }

    /// Queues the execution of a prepared statement with the parameters encoded last; binary results.
    func sendPrepared(_ pointer: OpaquePointer, _ name: String) -> Bool {
        parameters.withPointers { count, values, lengths, formats in
            PQsendQueryPrepared(pointer, name, count, values, lengths, formats, 1)
        } == 1
    }

    /// Queues a statement with the parameters encoded last; binary results.
    func sendUnprepared(_ pointer: OpaquePointer, _ sql: String) -> Bool {
        let types = parameters.types
        return parameters.withPointers { count, values, lengths, formats in
            PQsendQueryParams(pointer, sql, count, types, values, lengths, formats, 1)
        } == 1
    }
}
