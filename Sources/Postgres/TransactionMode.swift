/// The isolation level and access mode of a transaction.
public struct TransactionMode: Sendable, Hashable {
    /// The statement that begins such a transaction.
    package let beginStatement: String

    /// Each statement sees what was committed before it began.
    public static let readCommitted = TransactionMode(beginStatement: "BEGIN ISOLATION LEVEL READ COMMITTED")
    /// All statements see one snapshot; a conflicting write fails with 40001.
    public static let repeatableRead = TransactionMode(beginStatement: "BEGIN ISOLATION LEVEL REPEATABLE READ")
    /// As if transactions ran one after the other; conflicts fail with 40001.
    public static let serializable = TransactionMode(beginStatement: "BEGIN ISOLATION LEVEL SERIALIZABLE")
    /// One snapshot, no writes.
    public static let readOnlySnapshot = TransactionMode(
        beginStatement: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    )
}

/// A connection's state between transactions.
public enum TransactionStatus: Sendable, Hashable {
    /// No transaction is open.
    case idle
    /// A statement or a COPY is under way.
    case active
    /// A transaction is open and in good order.
    case inTransaction
    /// A transaction is open, and one of its statements has failed: it can only be rolled back.
    case inFailedTransaction
    /// The connection is closed or lost.
    case unknown
}
