extension PostgresConnection {
    /// Runs `body` in a transaction: COMMIT when it returns, ROLLBACK when it throws.
    ///
    /// The body gets this connection as its isolation, so it calls the connection's methods without `await`. Neither
    /// COMMIT nor ROLLBACK is stopped by the task's cancellation. The body must not end the transaction itself.
    ///
    /// - Throws: the body's error, `.rolledBack` when the body hid a failed statement, or the error of COMMIT. After
    ///   `.connectionLost` in COMMIT it is unknown whether it took effect.
    public func transaction<Result: Sendable>(
        _ mode: TransactionMode = .readCommitted,
        _ body: @Sendable (isolated PostgresConnection) async throws -> Result
    ) async throws -> Result {
        guard transactionStatus != .inTransaction && transactionStatus != .inFailedTransaction else {
            throw misuse("transaction", "a transaction is open already; use savepoints to nest")
        }
        try executeScript(mode.beginStatement)
        let result: Result
        do {
            result = try await body(self)
            try commit()
        } catch {
            rollback()
            throw error
        }
        return result
    }

    /// Runs statements in one round trip, a BEGIN first and a COMMIT last among them; what is left open by a failure is
    /// rolled back.
    @discardableResult
    package func pipelineTransaction(_ statements: [PostgresStatement]) throws(PostgresError) -> [PostgresResult] {
        do throws(PostgresError) {
            return try pipeline(statements)
        } catch {
            if isUsable && transactionStatus != .idle { try executeScript("ROLLBACK") }
            throw error
        }
    }

    private func commit() throws(PostgresError) {
        if case .none = copy {
        } else {
            throw misuse("COMMIT", "a COPY is still under way at the end of the transaction")
        }
        guard transactionStatus != .idle else { throw misuse("COMMIT", "the transaction was ended by its body") }
        let result = try simple("COMMIT", cancellable: false)
        // The server answers the COMMIT of a failed transaction with ROLLBACK, and calls it a success.
        guard result.commandTag == "COMMIT" else {
            throw PostgresError(
                .rolledBack,
                operation: "COMMIT",
                message: "a statement of the transaction had failed, so the server rolled it back",
                address: address
            )
        }
    }

    /// Rolls back whatever is open, also what a pipeline left open that failed between its BEGIN and its COMMIT. A connection
    /// on which even that fails is closed, which rolls back as well.
    package func rollback() {
        do throws(PostgresError) {
            try endCopyForRollback()
            guard transactionStatus == .inTransaction || transactionStatus == .inFailedTransaction else { return }
            try simple("ROLLBACK", cancellable: false)
        } catch {
            close()
        }
    }
}
