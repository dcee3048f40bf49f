/// A SQLSTATE: the five characters by which the server says why it refused a statement.
///
/// Those that decide something here have a name, the one of PostgreSQL's own list.
/// https://www.postgresql.org/docs/current/errcodes-appendix.html
public struct SQLState: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The five characters.
    public let rawValue: String

    /// The state that the server writes so.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// The state that the server writes so.
    public init(_ rawValue: String) { self.rawValue = rawValue }

    /// The five characters.
    public var description: String { rawValue }

    /// What the first two characters say.
    public var category: Category { Category(rawValue: String(rawValue.prefix(2))) }
}

extension SQLState {
    /// A class of states: the first two characters.
    public struct Category: RawRepresentable, Hashable, Sendable {
        /// The two characters.
        public let rawValue: String

        /// The class that the server writes so.
        public init(rawValue: String) { self.rawValue = rawValue }

        /// 08: the connection.
        public static let connectionException = Category(rawValue: "08")
        /// 22: a value is not valid for its type or use.
        public static let dataException = Category(rawValue: "22")
        /// 23: a constraint is violated.
        public static let integrityConstraintViolation = Category(rawValue: "23")
        /// 28: the user or the password is refused.
        public static let invalidAuthorization = Category(rawValue: "28")
        /// 3D: there is no such database.
        public static let invalidCatalogName = Category(rawValue: "3D")
        /// 42: the statement is wrong, or not allowed.
        public static let syntaxErrorOrAccessRuleViolation = Category(rawValue: "42")
        /// 53: no room, no memory, too many connections.
        public static let insufficientResources = Category(rawValue: "53")
        /// 54: a limit of the server is exceeded, as by a row too large for jsonb.
        public static let programLimitExceeded = Category(rawValue: "54")
        /// 58: the system under the server, such as its disk.
        public static let systemError = Category(rawValue: "58")
    }
}

extension SQLState {
    /// 0A000; also "cached plan must not change result type".
    public static let featureNotSupported = SQLState("0A000")
    /// 23505: the key is taken.
    public static let uniqueViolation = SQLState("23505")
    /// 25006: the server is a standby, or read-only for another reason.
    public static let readOnlyTransaction = SQLState("25006")
    /// 25P03: a transaction did nothing for too long.
    public static let idleInTransactionSessionTimeout = SQLState("25P03")
    /// 25P04: a transaction took too long.
    public static let transactionTimeout = SQLState("25P04")
    /// 26000: there is no such prepared statement.
    public static let invalidStatementName = SQLState("26000")
    /// 2BP01: other objects depend on what is to be dropped.
    public static let dependentObjectsStillExist = SQLState("2BP01")
    /// 3F000: there is no such schema.
    public static let invalidSchemaName = SQLState("3F000")
    /// 40000: rolled back.
    public static let transactionRollback = SQLState("40000")
    /// 40001: rolled back because of another transaction.
    public static let serializationFailure = SQLState("40001")
    /// 40003: it is unknown whether the statement took effect.
    public static let statementCompletionUnknown = SQLState("40003")
    /// 40P01: rolled back to end a deadlock.
    public static let deadlockDetected = SQLState("40P01")
    /// 42501: the role may not do that.
    public static let insufficientPrivilege = SQLState("42501")
    /// 42703: there is no such column.
    public static let undefinedColumn = SQLState("42703")
    /// 42883: there is no such function.
    public static let undefinedFunction = SQLState("42883")
    /// 42P01: there is no such table.
    public static let undefinedTable = SQLState("42P01")
    /// 42P05: the prepared statement is there already.
    public static let duplicatePreparedStatement = SQLState("42P05")
    /// 42P16: a table or view cannot be changed in that way.
    public static let invalidTableDefinition = SQLState("42P16")
    /// 53100: the disk is full.
    public static let diskFull = SQLState("53100")
    /// 53200: the server has no memory left.
    public static let outOfMemory = SQLState("53200")
    /// 53300: all connections are in use.
    public static let tooManyConnections = SQLState("53300")
    /// 55000: the object is not in the state that the statement needs.
    public static let objectNotInPrerequisiteState = SQLState("55000")
    /// 55006: the object is in use.
    public static let objectInUse = SQLState("55006")
    /// 55P03: a lock was not available within `lock_timeout`, or at once for NOWAIT.
    public static let lockNotAvailable = SQLState("55P03")
    /// 57000: an operator intervened.
    public static let operatorIntervention = SQLState("57000")
    /// 57014: the statement was cancelled, or took longer than `statement_timeout`.
    public static let queryCanceled = SQLState("57014")
    /// 57P01: the server, or this session, is being ended.
    public static let adminShutdown = SQLState("57P01")
    /// 57P02: another session's crash ends this one.
    public static let crashShutdown = SQLState("57P02")
    /// 57P03: the server is starting or ending.
    public static let cannotConnectNow = SQLState("57P03")
    /// 57P05: a session did nothing for too long.
    public static let idleSessionTimeout = SQLState("57P05")
    /// 72000: the snapshot is too old.
    public static let snapshotTooOld = SQLState("72000")
}
