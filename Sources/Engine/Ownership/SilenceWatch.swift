internal import EventStore
internal import Logging
internal import Postgres
internal import Refold
internal import Synchronization

/// Says what a statement of this process waits for when the server has been silent for a while: in the log, and with the
/// process's lease, for status.
///
/// A row lock that another session keeps, a synchronous standby that is gone, a frozen process on the server: none of
/// them is reported as an error, and each may last for days.
final class SilenceWatch: Sendable {
    private struct State {
        var isRunning = false
        var leases: [Lease] = []
    }

    /// How long a server may be silent before its silence is reported.
    private static let timeout: Duration = .seconds(2)
    /// How long it may be silent when it seems to be at work.
    private static let busyTimeout: Duration = .seconds(30)
    /// How long it has to say why.
    private static let answerLimit: Duration = .seconds(3)
    private static let interval: Duration = .milliseconds(500)
    private static let purpose = "waits"

    private let state = Mutex(State())

    /// The process works under a lease.
    func begins(_ lease: Lease) { state.withLock { $0.leases.append(lease) } }

    /// It no longer does.
    func ends(_ lease: Lease) { state.withLock { $0.leases.removeAll { $0.id == lease.id } } }

    /// Watches from now on, for as long as the engine has sessions.
    func wake(_ engine: Engine) {
        let isNew = state.withLock { state in
            defer { state.isRunning = true }
            return !state.isRunning
        }
        guard isNew else { return }
        // Not a child task: it watches over all that the engine does, for every caller, and ends by itself.
        Task { await run(engine) }
    }

    private func run(_ engine: Engine) async {
        var known: [String: String] = [:]
        var noted: [String: String] = [:]
        while true {
            try? await Task.sleep(for: Self.interval)
            // A session opened from now on wakes it again.
            let isOver = state.withLock { state in
                state.isRunning = engine.connections.count > 0
                return !state.isRunning
            }
            if isOver { return }
            let silent = engine.connections.silentConnections(for: Self.timeout)
                .filter { $0.applicationName != Engine.sessionName(for: Self.purpose) }
            if silent.isEmpty && known.isEmpty && noted.isEmpty { continue }
            do {
                let (before, notedBefore) = (known, noted)
                (known, noted) = try await within(Self.answerLimit) {
                    try await engine.withConnection(for: Self.purpose) { connection in
                        let causes = try await self.causes(of: silent, on: connection)
                        self.log(causes, before, engine.logger)
                        var isNoted = causes == notedBefore
                        if !isNoted { isNoted = try await self.note(causes, engine, on: connection) }
                        return (causes, isNoted ? causes : notedBefore)
                    }
                }
            } catch {
                if engine.connections.wasAborted { return }
                let names = Set(silent.map { Self.name(of: $0) }).sorted().joined(separator: ", ")
                engine.logger.warning(
                    "the server is silent, and does not say why",
                    metadata: ["sessions": "\(names)", "cause": "\(error)"]
                )
                try? await Task.sleep(for: Self.busyTimeout)
            }
        }
    }

    /// The projection that a session is for, or what else it is for.
    private static func name(of connection: SilentConnection) -> String {
        String(connection.applicationName.dropFirst(Engine.sessionName(for: "").count))
    }

    private func within<R: Sendable>(_ limit: Duration, _ body: @escaping @Sendable () async throws -> R) async throws
        -> R
    {
        try await withThrowingTaskGroup(of: R?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await Task.sleep(for: limit)
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let result = first else { throw NoAnswer(limit: limit) }
            return result
        }
    }

    private struct NoAnswer: Error, CustomStringConvertible {
        let limit: Duration
        var description: String { "no answer within \(limit)" }
    }

    // MARK: Causes

    /// What the sessions wait for, by name, where it is worth reporting.
    private func causes(
        of silent: [SilentConnection],
        on connection: PostgresConnection
    ) async throws -> [String: String] {
        guard !silent.isEmpty else { return [:] }
        let rows = try await connection.query(
            Self.waitsSQL,
            [
                .int64Array(silent.compactMap { $0.backendPID.map { Int64($0) } }),
                .textArray(silent.filter { $0.backendPID == nil }.map(\.applicationName)),
            ]
        ).rows
        var causes: [String: String] = [:]
        for session in silent {
            let row = try rows.first { row in
                if let pid = session.backendPID { return try row.int32("pid") == pid }
                return try row.text("application_name") == session.applicationName
            }
            if let cause = try cause(row, after: ContinuousClock.now - session.since) {
                causes[Self.name(of: session)] = cause
            }
        }
        return causes
    }

    private func cause(_ row: PostgresRow?, after silence: Duration) throws -> String? {
        guard let row else { return "it waits for a session that the server does not show" }
        let pid = try row.int32("pid")
        let event = try row.optionalText("wait_event") ?? ""
        switch try row.optionalText("wait_event_type") {
        case "Lock":
            let holders = try row.textArray("holders")
            return "it waits for a lock that "
                + (holders.isEmpty ? "is being let go" : holders.joined(separator: ", ") + " has")
        case "IPC" where event == "SyncRep":
            return "its commit waits for a synchronous standby, and none confirms it (synchronous_standby_names)"
        default:
            break
        }
        if try row.optionalText("state") != "active" {
            return "its server process (pid \(pid)) does not take up what it was sent: it or the network is stuck"
        }
        guard silence >= Self.busyTimeout else { return nil }
        return "its server process (pid \(pid)) has been at one statement for long"
            + (event.isEmpty ? "" : " (\(event))")
    }

    /// The sessions with the process ids $1, or behind a pooler with the names $2.
    private static let waitsSQL = """
        SELECT a.pid, a.application_name, a.state, a.wait_event_type, a.wait_event,
               ARRAY(SELECT CASE b.pid WHEN 0 THEN 'a prepared transaction'
                            ELSE concat('pid ', b.pid, ' (' || nullif(h.application_name, '') || ')') END
                       FROM unnest(pg_blocking_pids(a.pid)) AS b (pid) LEFT JOIN pg_stat_activity h USING (pid)) AS holders
          FROM pg_stat_activity a
         WHERE a.datname = current_database()
           AND (a.pid = ANY ($1) OR a.application_name = ANY ($2) AND a.state <> 'idle')
         ORDER BY a.query_start
        """

    // MARK: Reporting

    /// - Returns: false when the leases could not be written to, and it is to be tried again.
    private func note(_ causes: [String: String], _ engine: Engine, on connection: PostgresConnection) async throws
        -> Bool
    {
        let projections = Set(engine.projections.map(\.name.rawValue))
        var waits: [String: String] = [:]
        for (name, cause) in causes.sorted(by: { $0.key < $1.key }) {
            if projections.contains(name) { waits[name] = cause } else { waits[""] = "session \(name): \(cause)" }
        }
        for lease in state.withLock({ $0.leases }) {
            do {
                try await LeaseStore(connection).setWaits(waits, of: lease)
            } catch let error as PostgresError where error.sqlState == .lockNotAvailable {
                return false
            }
        }
        return true
    }

    private func log(_ causes: [String: String], _ known: [String: String], _ logger: Logger) {
        for (name, cause) in causes.sorted(by: { $0.key < $1.key }) where known[name] != cause {
            logger.warning(
                "the server has not answered for a while",
                metadata: ["session": "\(name)", "cause": "\(cause)"]
            )
        }
        for name in known.keys.sorted() where causes[name] == nil {
            logger.notice("the server answers again", metadata: ["session": "\(name)"])
        }
    }
}
