package import Postgres

/// Who appends what was emitted, as `refold.appenders` has it.
package struct AppenderRecord: Sendable {
    /// The process, unless its lease has ended.
    package let ownership: Ownership?
    /// Why it does not get on, and tries again.
    package let waitingFor: String?
}

/// The appender of a log: its row of `refold.appenders`. At most one process appends to a log, so that events are
/// appended in order.
package struct AppenderStore: Sendable {
    private let connection: PostgresConnection
    /// The quoted name of the events table.
    private let log: String

    /// The store for one log, on a session. Each of the calls is a transaction of its own.
    package init(_ connection: PostgresConnection, log: String) {
        self.connection = connection
        self.log = log
    }

    /// Makes a lease the appender, unless a live process is.
    ///
    /// - Returns: whether it is the appender now.
    func acquire(for keeper: LeaseKeeper) async throws -> Bool {
        let lease = keeper.lease
        try await connection.execute(Statements.add, [.text(log)])
        return try await connection.transaction { connection in
            // An appender that is at work has the row locked.
            guard try !connection.query(Statements.lock, [.text(log)]).isEmpty else { return false }
            let ownership = try await record().ownership
            if let ownership, ownership.leaseID != lease.id, keeper.judge(ownership) != .isGone { return false }
            if ownership?.leaseID != lease.id {
                try connection.execute(Statements.acquire, [.text(log), .uuid(lease.id)])
            }
            return true
        }
    }

    /// The appender as it is now.
    package func record() async throws -> AppenderRecord {
        guard let row = try await connection.query(Statements.record, [.text(log)]).rows.first else {
            return AppenderRecord(ownership: nil, waitingFor: nil)
        }
        return AppenderRecord(
            ownership: try row.optionalText("lease_id") == nil ? nil : Ownership(row),
            waitingFor: try row.optionalText("waiting_for")
        )
    }

    /// Records why a lease that is the appender does not get on, or, with nil, that it does.
    func setWaiting(for cause: String?, of lease: Lease) async throws {
        try await connection.execute(Statements.setWaiting, [.text(log), .uuid(lease.id), .optional(cause)])
    }
}

extension AppenderStore {
    private enum Statements {
        static let add = "INSERT INTO refold.appenders (log) VALUES ($1) ON CONFLICT DO NOTHING"

        static let lock = "SELECT FROM refold.appenders WHERE log = $1 FOR UPDATE SKIP LOCKED"

        static let record = """
            SELECT c.waiting_for, \(Ownership.columns)
              FROM refold.appenders c LEFT JOIN refold.owners o ON o.id = c.owner WHERE c.log = $1
            """

        static let acquire = """
            UPDATE refold.appenders SET owner = $2, owner_since = clock_timestamp(), waiting_for = NULL WHERE log = $1
            """

        static let setWaiting = """
            UPDATE refold.appenders SET waiting_for = $3
             WHERE log = $1 AND owner = $2 AND waiting_for IS DISTINCT FROM $3
            """
    }
}
