/// What went wrong with a connection, a statement or a value, and what the caller may do about it.
///
/// The caller decides between three things. `isTransient`: repeat the transaction, on a new connection when
/// `connectionIsLost`. `isDataError`: the values are to blame, so repeating is useless. Everything else: stop and say so.
public struct PostgresError: Error, Sendable {
    /// The kind of failure. More may be added, so a `switch` over codes needs a default.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// The name of the code.
        public let description: String

        /// The connection string or an option cannot be understood; no server was asked.
        public static let configuration = Code(description: "configuration")
        /// No connection could be made.
        public static let connectionFailed = Code(description: "connectionFailed")
        /// The connection broke or the server ended it. It is dead: connect again. Whether a COMMIT in progress took
        /// effect is unknown.
        public static let connectionLost = Code(description: "connectionLost")
        /// The server refused the statement; `sqlState` says why.
        public static let server = Code(description: "server")
        /// The task was cancelled, or `cancel()` was called, and the statement had no effect.
        public static let cancelled = Code(description: "cancelled")
        /// COMMIT was asked for, but an earlier statement had failed, so the server rolled back.
        public static let rolledBack = Code(description: "rolledBack")
        /// A result's column is absent, NULL, of another type, or malformed.
        public static let decoding = Code(description: "decoding")
        /// A parameter cannot be expressed in the protocol, such as a NUL character in text.
        public static let invalidParameter = Code(description: "invalidParameter")
        /// The connection was used in a way it does not allow, such as a query in the middle of a COPY.
        public static let misuse = Code(description: "misuse")
        /// The server sent something that the protocol does not allow. The connection is closed.
        public static let protocolViolation = Code(description: "protocolViolation")
    }

    /// The kind of failure.
    public var code: Code
    /// What was being done, with the beginning of the statement. Never contains parameter values.
    public var operation: String
    /// The server's primary message, or ours. May quote a value for errors of class 22: see `description`.
    public var message: String
    /// Why the server refused, when it or libpq said so.
    public var sqlState: SQLState?
    /// The server's DETAIL. Often quotes row values, so it is not part of `description`.
    public var detail: String?
    /// The server's CONTEXT, from the innermost outwards. Quotes values, so it is not part of `description`.
    public var context: String?
    /// The server's HINT.
    public var hint: String?
    /// The constraint that was violated.
    public var constraint: String?
    /// The table concerned, as `schema.table`, unquoted.
    public var table: String?
    /// The server, as host:port or the path of its socket; never a password.
    public var address: String?
    /// The connection cannot be used any more.
    public var connectionIsLost: Bool { code == .connectionLost || code == .protocolViolation }
    /// The server discarded the plan of a prepared statement; it has been forgotten, so repeating prepares it again.
    package var planIsStale = false

    package init(_ code: Code, operation: String, message: String, address: String? = nil) {
        self.code = code
        self.operation = operation
        self.message = message
        self.address = address
    }
}

extension PostgresError {
    /// Whether the same transaction, repeated from its beginning, may well succeed.
    ///
    /// True for a lost or refused connection, for a prepared statement whose plan became invalid, and for the SQLSTATEs
    /// that say "not now" (`PostgresError.transientStates`, `transientCategories`), a cancel that was not ours among them. False for a refused
    /// password or an absent database (classes 28 and 3D), even when connecting.
    public var isTransient: Bool {
        if planIsStale { return true }
        guard code != .cancelled else { return false }
        guard let sqlState else { return code == .connectionLost || code == .connectionFailed }
        return code == .connectionLost || Self.transientStates.contains(sqlState)
            || Self.transientCategories.contains(sqlState.category)
    }

    /// SQLSTATEs that pass by themselves or by work on the server, without a change to the statement, the data or the
    /// settings.
    private static let transientStates: Set<SQLState> = [
        // Read-only for a while, as a standby before its promotion; time limits of transactions.
        .readOnlyTransaction, .idleInTransactionSessionTimeout, .transactionTimeout,
        // Rolled back: conflicts, deadlocks.
        .transactionRollback, .serializationFailure, .statementCompletionUnknown, .deadlockDetected,
        // In use by another session.
        .objectInUse, .lockNotAvailable,
        // An operator's doing, or the server's start or end.
        .operatorIntervention, .queryCanceled, .adminShutdown, .crashShutdown, .cannotConnectNow, .idleSessionTimeout,
        .snapshotTooOld,
    ]

    /// Whole classes of them.
    private static let transientCategories: Set<SQLState.Category> = [
        .connectionException, .insufficientResources, .systemError,
    ]

    /// Whether the values are to blame: SQLSTATE class 22 (data exception), 23 (integrity constraint violation) or 54
    /// (a limit of the server is exceeded, as by a row too large for jsonb), or a parameter that the protocol cannot carry.
    /// Repeating is useless; leaving the culprit out may help.
    public var isDataError: Bool {
        guard let sqlState else { return code == .invalidParameter }
        return [.dataException, .integrityConstraintViolation, .programLimitExceeded].contains(sqlState.category)
    }
}

extension PostgresError {
    /// The row of a COPY FROM that the server refused, from 1; nil when it did not say.
    ///
    /// The outermost context is `COPY table, line 17, column …`, in the language of the server.
    public var copyRow: Int? {
        // Bytes: a value that is quoted there may begin with a combining mark, which makes one character of it and the
        // character before.
        guard let line = context?.utf8.split(separator: UInt8(ascii: "\n")).last, line.starts(with: "COPY ".utf8),
            let place = line.split(separator: UInt8(ascii: ",")).dropFirst().first
        else { return nil }
        let digits = place.filter { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return Int(String(decoding: digits, as: UTF8.self))
    }
}

extension PostgresError: CustomStringConvertible {
    /// One line that is safe to log: no password, no parameter, no row value.
    ///
    /// DETAIL is left out, and so is what a class 22 message quotes (`invalid input syntax for type integer: "…"`).
    public var description: String {
        var line = "\(operation): \(safeMessage)"
        if let constraint { line += " (constraint \(constraint))" }
        if let hint { line += " — \(hint)" }
        var context: [String] = []
        if let sqlState { context.append("SQLSTATE \(sqlState)") }
        if code != .server { context.append(code.description) }
        if let address { context.append(address) }
        if !context.isEmpty { line += " [\(context.joined(separator: ", "))]" }
        return line
    }

    private var safeMessage: String {
        let quote = UInt8(ascii: "\"")
        guard sqlState?.category == .dataException, let first = message.utf8.firstIndex(of: quote),
            let last = message.utf8.lastIndex(of: quote)
        else { return message }
        // From the first quote to the last: the value may contain quotes of its own.
        return String(decoding: Array(message.utf8[...first]) + "…".utf8 + message.utf8[last...], as: UTF8.self)
    }
}
