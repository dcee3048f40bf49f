internal import CPostgres

/// A NOTIFY that reached a connection which listens.
public struct PostgresNotification: Sendable, Hashable {
    /// The channel.
    public let channel: String
    /// What the sender attached; empty when nothing.
    public let payload: String
    /// The sender's process id.
    public let backendPID: Int32
}

extension PostgresConnection {
    /// Subscribes to a channel; its notifications are handed out by `notifications`.
    ///
    /// - Throws: `.misuse` behind a pooler, which would deliver them to another client.
    public func listen(_ channel: String) throws(PostgresError) {
        guard !isPooled else {
            throw misuse("listen", "behind a pooler nobody can listen; connect to the server itself")
        }
        try executeScript("LISTEN \(quoteIdentifier(channel))")
    }

    /// Hands out the notifications that have arrived, waiting for the first one if there is none.
    ///
    /// - Parameter limit: how long to wait; zero only looks. Cancelling the task ends the wait early, without an error.
    /// - Returns: the notifications in order of arrival; none when the time was up.
    public func notifications(waitingUpTo limit: Duration) throws(PostgresError) -> [PostgresNotification] {
        let operation = "wait for notifications"
        guard case .none = copy else { throw misuse(operation, "a COPY is under way on this connection") }
        let pointer = try link.open(operation)
        let deadline = ContinuousClock.now + limit
        var arrived: [PostgresNotification] = []
        while true {
            guard PQconsumeInput(pointer) == 1 else { throw link.failure(operation) }
            while let next = PQnotifies(pointer) {
                defer { PQfreemem(next) }
                arrived.append(
                    PostgresNotification(
                        channel: String(cString: next.pointee.relname),
                        payload: String(cString: next.pointee.extra),
                        backendPID: next.pointee.be_pid
                    )
                )
            }
            let rest = deadline - ContinuousClock.now
            if !arrived.isEmpty || rest <= .zero || Task.isCancelled { return arrived }
            link.waitToRead(pointer, cancellable: false, for: rest)
        }
    }
}
