internal import CPostgres

/// What a pipeline consists of; each gets one reply, in order.
private enum Sent {
    case settings
    case deallocation(name: String)
    case preparation(sql: String, name: String)
    case execution(sql: String, name: String?)

    var operation: String {
        switch self {
        case .settings: "apply the session's settings"
        case .deallocation(let name): "deallocate \(name)"
        case .preparation(let sql, _), .execution(let sql, _): PostgresError.operation("query", sql)
        }
    }
}

/// The outcome of one of them.
private enum Outcome {
    case done
    case failed
    /// Not run, because one before it had failed.
    case skipped
}

extension PostgresConnection {
    /// Runs several statements in one round trip, in this order, and returns their results.
    ///
    /// Each statement sees the effects of those before it, and under READ COMMITTED takes its own snapshot when its turn
    /// comes. Outside a transaction they are one implicit transaction: all or nothing. BEGIN and COMMIT may be among
    /// them. The first failure skips the rest; it is thrown after the pipeline has ended, with an explicit transaction
    /// left open in its failed state.
    ///
    /// - Throws: the error of the first statement that failed, its operation naming that statement.
    @discardableResult
    public func pipeline(_ statements: [PostgresStatement]) throws(PostgresError) -> [PostgresResult] {
        guard !statements.isEmpty else { return [] }
        // All are checked before the first is sent: nothing runs if one cannot be sent.
        for statement in statements { try parameters.encode(statement.parameters) }
        return try runPipeline(statements)
    }

    func runPipeline(_ batch: [PostgresStatement]) throws(PostgresError) -> [PostgresResult] {
        func operation() -> String { PostgresError.operation("query", batch[0].sql) }
        let pointer = try beginStatement(operation())
        guard PQenterPipelineMode(pointer) == 1 else { throw link.failure(operation()) }
        var sent: [Sent] = []
        var needsSettings = needsSettings
        var queuedBytes = 0
        for statement in batch {
            guard try send(statement, pointer, &sent, &needsSettings) else { throw link.failure(operation()) }
            // libpq would keep all of it, and cannot keep more than 2 GiB.
            queuedBytes += parameters.byteCount
            if queuedBytes >= 1 << 20 {
                link.flush(pointer)
                queuedBytes = 0
            }
        }
        guard PQpipelineSync(pointer) == 1 else { throw link.failure(operation()) }
        link.flush(pointer)

        var results: [PostgresResult] = []
        results.reserveCapacity(batch.count)
        let firstError = receive(sent, pointer, &results)
        let wasCancelled = link.end()
        if let firstError {
            let error = link.settle(firstError, wasCancelled: wasCancelled)
            if link.pointer != nil, PQexitPipelineMode(pointer) == 0 { throw link.failure(operation()) }
            throw error
        }
        guard link.pointer == nil || PQexitPipelineMode(pointer) == 1, results.count == batch.count else {
            throw link.failure(operation())
        }
        return results
    }

    /// Queues one statement with what it needs.
    ///
    /// - Parameter needsSettings: whether the settings have to come before the next statement; a BEGIN goes before them,
    ///   because the isolation level can be chosen before the first query only.
    private func send(
        _ statement: PostgresStatement,
        _ pointer: OpaquePointer,
        _ sent: inout [Sent],
        _ needsSettings: inout Bool
    ) throws(PostgresError) -> Bool {
        if needsSettings, let local = settings.localStatement, !StatementCache.beginsTransaction(statement.sql) {
            sent.append(.settings)
            try parameters.encode(local.parameters)
            guard sendUnprepared(pointer, local.sql) else { return false }
            needsSettings = false
        }
        if isPooled && StatementCache.endsTransaction(statement.sql) { needsSettings = true }
        try parameters.encode(statement.parameters)
        guard preparesStatements && StatementCache.isWorthPreparing(statement.sql) else {
            sent.append(.execution(sql: statement.sql, name: nil))
            return sendUnprepared(pointer, statement.sql)
        }
        switch statements.plan(statement.sql, types: parameters.types) {
        case .execute(let name):
            sent.append(.execution(sql: statement.sql, name: name))
            return sendPrepared(pointer, name)
        case .prepare(let name, let types):
            for abandoned in statements.takeAbandonedNames() {
                sent.append(.deallocation(name: abandoned))
                guard PQsendQueryParams(pointer, "DEALLOCATE \(abandoned)", 0, nil, nil, nil, nil, 1) == 1 else {
                    return false
                }
            }
            sent.append(.preparation(sql: statement.sql, name: name))
            guard PQsendPrepare(pointer, name, statement.sql, Int32(types.count), types) == 1 else { return false }
            sent.append(.execution(sql: statement.sql, name: name))
            return sendPrepared(pointer, name)
        }
    }

    /// Reads the replies up to the synchronisation point and keeps the statement cache true to the server.
    ///
    /// - Returns: the first error.
    private func receive(
        _ sent: [Sent],
        _ pointer: OpaquePointer,
        _ results: inout [PostgresResult]
    ) -> PostgresError? {
        var firstError: PostgresError?
        for item in sent {
            var outcome = Outcome.failed
            while let result = link.nextResult(pointer) {
                switch PQresultStatus(result) {
                case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
                    outcome = .done
                    let result = PostgresResult(taking: result)
                    if case .execution = item { results.append(result) }
                case PGRES_PIPELINE_ABORTED:
                    outcome = .skipped
                    PQclear(result)
                case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH, PGRES_PIPELINE_SYNC:
                    // libpq has no way out of a COPY in a pipeline but to close the connection.
                    PQclear(result)
                    var error = misuse(item.operation, "COPY cannot be part of a pipeline; the connection is closed")
                    link.close(because: error.message)
                    error.address = address
                    return error
                default:
                    firstError =
                        firstError ?? PostgresError(result: result, operation: item.operation, address: address)
                    PQclear(result)
                }
                if PQstatus(pointer) == CONNECTION_BAD { return firstError ?? link.failure(item.operation) }
            }
            settle(item, outcome, firstError)
        }
        // Before the end may come the error for which the commit at the end was refused, such as a deferred constraint.
        var isSynchronised = false
        while !isSynchronised && PQstatus(pointer) != CONNECTION_BAD {
            guard let end = link.nextResult(pointer) else { continue }
            isSynchronised = PQresultStatus(end) == PGRES_PIPELINE_SYNC
            if !isSynchronised && firstError == nil {
                firstError = PostgresError(result: end, operation: "commit at the end of a pipeline", address: address)
            }
            PQclear(end)
        }
        return firstError
    }

    private func settle(_ item: Sent, _ outcome: Outcome, _ firstError: PostgresError?) {
        guard outcome != .done else { return }
        switch item {
        case .settings: return
        case .deallocation(let name):
            // One that failed is not tried again: the server does not know the name.
            if outcome == .skipped { statements.restoreAbandonedNames([name]) }
        case .preparation(let sql, let name):
            statements.forget(sql, name: name, isOnServer: false)
        case .execution(let sql, let name):
            guard let name, outcome == .failed, let firstError, firstError.planIsStale else { return }
            statements.forget(sql, name: name, isOnServer: firstError.sqlState != .invalidStatementName)
        }
    }
}
