public import Refold

/// A transaction that has drawn, or may have drawn, positions which it has not yet committed.
///
/// Two are equal when their virtual transactions are. The process id is left out: PREPARE TRANSACTION keeps the
/// name and takes the process away.
public struct BlockingTransaction: Sendable, Hashable {
    /// The name in `pg_locks.virtualtransaction`, such as `3/1422`. It is unique within one server run.
    package let virtualTransaction: String
    /// The server process; nil for a prepared transaction.
    package let processID: Int32?

    /// One as a row of `pg_locks` shows it.
    package init(virtualTransaction: String, processID: Int32?) {
        self.virtualTransaction = virtualTransaction
        self.processID = processID
    }

    /// Whether both are the same virtual transaction.
    public static func == (left: BlockingTransaction, right: BlockingTransaction) -> Bool {
        left.virtualTransaction == right.virtualTransaction
    }

    /// Hashes the virtual transaction.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(virtualTransaction)
    }
}

extension BlockingTransaction {
    /// Details, as far as the server shows them to this role.
    public struct Details: Sendable, Equatable, CustomStringConvertible {
        /// The first position that the transaction keeps the mark from passing.
        public var position: GlobalPosition
        /// The server process; nil for a prepared transaction, which has none.
        public var processID: Int32?
        /// The prepared transaction's global identifier; nil for a running one.
        public var preparedID: String?
        /// The session's `application_name`; nil when empty or unknown.
        public var application: String?
        /// Age of the transaction; nil when the role may not see it (that needs `pg_read_all_stats`).
        public var age: Duration?

        package init(
            position: GlobalPosition,
            processID: Int32? = nil,
            preparedID: String? = nil,
            application: String? = nil,
            age: Duration? = nil
        ) {
            self.position = position
            self.processID = processID
            self.preparedID = preparedID
            self.application = application
            self.age = age
        }

        /// What to call it: its process or its prepared transaction, and the application.
        public var name: String {
            let name =
                switch (preparedID, processID) {
                case (let id?, _): "prepared transaction '\(id)'"
                case (nil, let pid?): "process \(pid)"
                case (nil, nil): "a prepared transaction"
                }
            return name + (application.map { " (\($0))" } ?? "")
        }

        /// One line for logs: what is held, by whom, and for how long.
        public var description: String {
            let open = age.map { "open for \($0.components.seconds) s" } ?? "age unknown (it needs pg_read_all_stats)"
            return "position \(position) is held by \(name), \(open)"
        }
    }
}
