internal import EventStore
internal import Logging
internal import Postgres
internal import Refold
internal import Timing

/// Moves emitted events from the outbox to the log, in the order of the events that they follow from.
///
/// One process appends to a log at a time: the one whose lease `refold.appenders` names. Any daemon takes over when that
/// lease has ended.
struct Appender: Sendable {
    let engine: Engine
    let keeper: LeaseKeeper
    /// Raised by the windows of this process.
    let signal: OutboxSignal

    /// How often the outbox is looked at for what other processes have put there.
    private static let interval: Duration = .milliseconds(100)
    /// How often it is looked whether the appender is gone.
    private static let takeoverInterval: Duration = .milliseconds(500)

    private var log: String { engine.settings.store.log }

    /// Appends, or waits to take over, until the task is cancelled.
    ///
    /// - Throws: an error of the database; the next run begins with a new session.
    func run() async throws {
        try await withSession { connection in
            while !Task.isCancelled {
                guard try await AppenderStore(connection, log: log).acquire(for: keeper) else {
                    try? await engine.time.sleep(for: Self.takeoverInterval)
                    continue
                }
                try await AppenderStore(connection, log: log).setWaiting(for: nil, of: keeper.lease)
                try await appendWhileMine(on: connection)
            }
        }
    }

    /// Appends everything that is in the outbox, or waits until another process has done so.
    ///
    /// - Parameter limit: how long another appender may make no progress.
    /// - Returns: whether there was anything.
    /// - Throws: ``EngineError/Code/notAppended`` when it does not.
    func drain(within limit: Duration) async throws -> Bool {
        try await withSession { connection in
            let found = try await backlog(on: connection)
            var (known, since) = (found, engine.time.now)
            while known > 0 {
                if try await AppenderStore(connection, log: log).acquire(for: keeper) {
                    while try await step(on: connection) > 0 {}
                } else {
                    try await engine.time.sleep(for: .milliseconds(50))
                }
                let now = try await backlog(on: connection)
                if now < known { since = engine.time.now }
                known = now
                if engine.time.now - since > limit {
                    throw EngineError.notAppended(known, by: try await AppenderStore(connection, log: log).record())
                }
            }
            return found > 0
        }
    }

    private func backlog(on connection: PostgresConnection) async throws -> Int64 {
        try await OutboxStore(connection, log: log).backlog().events
    }

    /// Lends a session; records why nothing can be appended.
    private func withSession<R: Sendable>(_ body: (PostgresConnection) async throws -> R) async throws -> R {
        do {
            return try await engine.withConnection(for: "append", body)
        } catch {
            if !Task.isCancelled { await record(error) }
            throw error
        }
    }

    private func appendWhileMine(on connection: PostgresConnection) async throws {
        engine.logger.debug("this process appends what is emitted", metadata: ["log": "\(log)"])
        while !Task.isCancelled {
            _ = signal.take()
            if try await step(on: connection) > 0 { continue }
            let record = try await AppenderStore(connection, log: log).record()
            guard record.ownership?.leaseID == keeper.lease.id else { return }
            await signal.wait(atMost: Self.interval, engine.time)
        }
    }

    // MARK: Appending

    /// Appends the next events.
    ///
    /// - Returns: how many; 0 also when another process is the appender now.
    private func step(on connection: PostgresConnection) async throws -> Int {
        let rows = try await OutboxStore(connection, log: log).next()
        guard !rows.isEmpty else { return 0 }
        let appending = AppendingStatement(rows, for: keeper.lease, engine.settings.store)
        let statement = appending.statement
        do {
            return try await connection.query(statement.sql, statement.parameters).count
        } catch {
            guard error.sqlState == .uniqueViolation else { throw error }
            // Other writers have used one of the streams without its row, or an event is in the log already.
            engine.logger.notice("appending is tried again", metadata: ["cause": "\(error)"])
            guard try await appending.resolveConflict(on: connection) else { throw error }
            return rows.count
        }
    }

    /// Records for status why nothing is appended.
    private func record(_ error: any Error) async {
        let cause =
            (error as? EngineError)?.message ?? (error as? EventStoreError)?.message ?? String(describing: error)
        do {
            try await engine.withConnection(for: "cause") { connection in
                try await AppenderStore(connection, log: log).setWaiting(for: cause, of: keeper.lease)
            }
        } catch {
            engine.logger.debug("the cause could not be stored", metadata: ["cause": "\(error)"])
        }
    }
}

extension EngineError {
    fileprivate static func notAppended(_ events: Int64, by record: AppenderRecord) -> EngineError {
        let who = record.ownership.map { "\($0.owner), which appends" } ?? "nobody appends"
        return EngineError(
            .notAppended,
            "\(events) emitted events are not in the log: \(record.waitingFor ?? who)",
            remedy: "see \(Program.name) status; they are kept, and the next tail appends them"
        )
    }
}
