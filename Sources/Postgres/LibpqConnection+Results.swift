internal import CPostgres

extension LibpqConnection {
    var backendPID: Int32 { pointer.map { PQbackendPID($0) } ?? 0 }

    var serverVersion: Int { pointer.map { Int(PQserverVersion($0)) } ?? 0 }

    var transactionStatus: TransactionStatus {
        guard let pointer else { return .unknown }
        return switch PQtransactionStatus(pointer) {
        case PQTRANS_IDLE: .idle
        case PQTRANS_ACTIVE: .active
        case PQTRANS_INTRANS: .inTransaction
        case PQTRANS_INERROR: .inFailedTransaction
        default: .unknown
        }
    }

    /// Reads all results of one statement, or of a script, and ends it.
    ///
    /// - Returns: the last result.
    func finishStatement(
        _ operation: @autoclosure () -> String,
        cancellable: Bool = true
    ) throws(PostgresError) -> PostgresResult {
        guard let pointer else { throw failure(operation()) }
        flush(pointer, cancellable: cancellable)
        var last: PostgresResult?
        var firstError: PostgresError?
        while let result = nextResult(pointer, cancellable: cancellable) {
            switch PQresultStatus(result) {
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
                last = PostgresResult(taking: result)
            case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
                PQclear(result)
                abandonCopy(pointer)
                firstError =
                    firstError
                    ?? PostgresError(
                        .misuse,
                        operation: operation(),
                        message: "COPY needs beginCopyOut or beginCopyIn",
                        address: address
                    )
            default:
                firstError = firstError ?? PostgresError(result: result, operation: operation(), address: address)
                PQclear(result)
            }
        }
        let wasCancelled = end()
        if let firstError { throw settle(firstError, wasCancelled: wasCancelled) }
        guard let last else { throw failure(operation()) }
        return last
    }

    /// The first result behind those of the settings that were sent before a statement, or the error of one of them.
    ///
    /// - Parameter settings: how many were sent.
    func firstResult(_ pointer: OpaquePointer, after settings: Int) -> OpaquePointer? {
        for _ in 0..<settings {
            guard let result = nextResult(pointer) else { return nil }
            guard PQresultStatus(result) == PGRES_COMMAND_OK else { return result }
            PQclear(result)
        }
        return nextResult(pointer)
    }

    /// Turns an error into the one the caller sees, once the statement has ended; closes the connection if it is lost.
    func settle(_ error: PostgresError, wasCancelled: Bool) -> PostgresError {
        var error = error
        if wasCancelled && error.sqlState == .queryCanceled { error.code = .cancelled }
        if let pointer, PQstatus(pointer) == CONNECTION_BAD {
            error.code = .connectionLost
            if abortSwitch.wasAborted { error.message = Self.abortReason }
        }
        // An error without SQLSTATE is libpq's report of a connection that `end` has given up since.
        if pointer == nil && error.code == .server && error.sqlState == nil { error.code = .connectionLost }
        if error.connectionIsLost { close(because: "the connection was lost: \(error.message)") }
        return error
    }

    /// Leaves a COPY that was not asked for, so that the statement's remaining results can be read.
    func abandonCopy(_ pointer: OpaquePointer) {
        if PQputCopyEnd(pointer, "not expected here") == 1 {
            flush(pointer, cancellable: false)
            return
        }
        // Not COPY FROM, so it is COPY TO: the server stops when cancelled, after what it has already sent.
        cancelNow()
        discardCopyData(pointer)
    }

    /// Reads and drops the rows of a COPY TO, up to its end.
    func discardCopyData(_ pointer: OpaquePointer) {
        var row: UnsafeMutablePointer<CChar>?
        while true {
            let length = PQgetCopyData(pointer, &row, 1)
            if length > 0 {
                PQfreemem(row)
            } else if length == 0 {
                waitToRead(pointer, cancellable: false)
                if PQconsumeInput(pointer) == 0 { return }
            } else {
                return
            }
        }
    }

    /// Ends a statement that did not begin the COPY it should have begun.
    ///
    /// - Parameters:
    ///   - first: its first result, which the caller clears.
    ///   - expected: what the COPY should have been.
    func refuseCopy(
        _ first: OpaquePointer,
        _ pointer: OpaquePointer,
        _ operation: String,
        expected: String
    ) -> PostgresError {
        let status = PQresultStatus(first)
        let isCopy = status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH
        if isCopy { abandonCopy(pointer) }
        let error =
            if isCopy || status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY {
                PostgresError(.misuse, operation: operation, message: "expected \(expected)", address: address)
            } else {
                PostgresError(result: first, operation: operation, address: address)
            }
        _ = discardResults(pointer, operation)
        return settle(error, wasCancelled: end())
    }

    /// The error behind a failed attempt to send COPY data: what the server said before it hung up, or libpq's words.
    /// Closes the connection.
    func lastWords(_ pointer: OpaquePointer, _ operation: String) -> PostgresError {
        let libpqMessage = PostgresError.message(of: pointer)
        var error =
            discardResults(pointer, operation)
            ?? PostgresError(.connectionLost, operation: operation, message: libpqMessage, address: address)
        error.code = .connectionLost
        return settle(error, wasCancelled: end())
    }

    /// Reads a statement's remaining results and returns the first error among them.
    private func discardResults(_ pointer: OpaquePointer, _ operation: String) -> PostgresError? {
        var firstError: PostgresError?
        while let result = nextResult(pointer, cancellable: false) {
            defer { PQclear(result) }
            switch PQresultStatus(result) {
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: continue
            case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH: abandonCopy(pointer)
            default: firstError = firstError ?? PostgresError(result: result, operation: operation, address: address)
            }
        }
        return firstError
    }
}
