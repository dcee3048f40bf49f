internal import EventStore
internal import Logging
internal import Postgres
internal import Refold

/// Says what a statement of this process waits for when the server has been silent for a while: in the log, and with the
/// process's lease, for status.
///
/// A row lock that somebody keeps, a synchronous standby that is gone, a frozen process on the server: none of them is an
/// error that anybody would be told, and each may last for days.
struct SilenceWatch {
    let engine: Engine
    let lease: Lease

    /// How long a server may be silent without a word.
    private static let patience: Duration = .seconds(2)
    /// How long it may be when it seems to be at work.
    private static let longPatience: Duration = .seconds(30)
    private static let interval: Duration = .milliseconds(500)
    /// What the sessions' names begin with; see ``Engine/connect(for:_:)``.
    private static let prefix = "refold "
    private static let purpose = "waits"

    /// Watches until the task is cancelled.
    func run() async {
        var known: [String: String] = [:]
        while true {
            do { try await Task.sleep(for: Self.interval) } catch { return }
            let silent = engine.connections.silentConnections(for: Self.patience)
                .filter { $0.applicationName != Self.prefix + Self.purpose }
            if silent.isEmpty && known.isEmpty { continue }
            do {
                let causes = try await engine.withConnection(for: Self.purpose) { connection in
                    let causes = try await self.causes(of: silent, on: connection)
                    if causes != known { try await note(causes, on: connection) }
                    return causes
                }
                log(causes, known)
                known = causes
            } catch {
                if Task.isCancelled { return }
                let names = Set(silent.map { Self.name(of: $0) }).sorted().joined(separator: ", ")
                engine.logger.warning(
                    "the server is silent, and does not say why",
                    metadata: ["sessions": "\(names)", "cause": "\(error)"]
                )
                do { try await Task.sleep(for: Self.longPatience) } catch { return }
            }
        }
    }

    /// The projection that a session is for, or what else it is for.
    private static func name(of connection: SilentConnection) -> String {
        String(connection.applicationName.dropFirst(prefix.count))
    }

    // MARK: Causes

    /// What the sessions wait for, by name, where it is worth a word.
    private func causes(of silent: [SilentConnection], on connection: PostgresConnection) async throws -> [String:
        String]
    {
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
            return "its server process (pid \(pid)) does not take up what it was sent: it or the network stands still"
        }
        guard silence >= Self.longPatience else { return nil }
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

    // MARK: Telling

    private func note(_ causes: [String: String], on connection: PostgresConnection) async throws {
        let projections = Set(engine.projections.map(\.name.rawValue))
        var waits: [String: String] = [:]
        for (name, cause) in causes.sorted(by: { $0.key < $1.key }) {
            if projections.contains(name) { waits[name] = cause } else { waits[""] = "session \(name): \(cause)" }
        }
        try await connection.setWaits(waits, of: lease)
    }

    private func log(_ causes: [String: String], _ known: [String: String]) {
        for (name, cause) in causes.sorted(by: { $0.key < $1.key }) where known[name] != cause {
            engine.logger.warning(
                "the server has not answered for a while",
                metadata: ["session": "\(name)", "cause": "\(cause)"]
            )
        }
        for name in known.keys.sorted() where causes[name] == nil {
            engine.logger.notice("the server answers again", metadata: ["session": "\(name)"])
        }
    }
}
