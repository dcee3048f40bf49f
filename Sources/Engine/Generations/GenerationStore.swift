package import EventStore
package import Postgres
package import Refold

/// The generations: the rows of `refold.generations`. Their checkpoints are in the ``CheckpointStore``, which generation is
/// live in the ``PointerStore``, and their rows in ``ReadModelTables``.
package struct GenerationStore: Sendable {
    private let connection: PostgresConnection

    /// The store on a session, in a transaction of the caller's or outside of one.
    package init(_ connection: PostgresConnection) { self.connection = connection }

    // MARK: Reading

    /// A generation by number; nil when it was dropped.
    package func generation(_ number: GenerationNumber) async throws -> Generation? {
        try await connection.query(Statements.byNumber, [.int64(number.rawValue)]).rows.first.map { try Generation($0) }
    }

    /// The half-built or ready generation of a projection, the newest if there are several.
    package func unfinished(of name: ProjectionName) async throws -> Generation? {
        try await connection.query(Statements.unfinished, [.text(name.rawValue)]).rows.first.map { try Generation($0) }
    }

    /// What is stored of a projection's live generation and of its unfinished ones, the newest first.
    func records(of name: ProjectionName, live: GenerationNumber?) async throws -> [GenerationRecord] {
        try await connection.query(Statements.records, [.text(name.rawValue), .optional(live?.rawValue)]).rows
            .map { try GenerationRecord($0) }
    }

    /// All generations of all projections, by projection, the newest first.
    func listed() async throws -> [ListedGeneration] {
        try await connection.query(Statements.listed).rows.map { try ListedGeneration($0) }
    }

    // MARK: Beginning

    /// Records a new generation at position 0. Its tables are the caller's.
    ///
    /// - Parameters:
    ///   - log: the log it is to be folded from; nil for the one that its first owner reads.
    ///   - firstEvent: the first position that holds an event now; nil for none, or not known.
    package func add(
        of projection: any Projection,
        identity: String,
        phase: GenerationPhase,
        target: GlobalPosition?,
        log: LogID? = nil,
        firstEvent: GlobalPosition? = nil
    ) async throws -> Generation {
        let number = GenerationNumber(try await connection.query(Statements.nextNumber).int64(0, 0))
        try await connection.execute(
            Statements.add,
            [
                .int64(number.rawValue), .text(projection.name.rawValue), .int32(Int32(projection.version)),
                .text(identity), .text(phase.rawValue), .optional(target?.rawValue), .optional(log?.rawValue),
                .optional(firstEvent?.rawValue),
            ]
        )
        try await CheckpointStore(connection).add(number)
        return Generation(
            number: number,
            projection: projection.name,
            version: projection.version,
            identity: identity,
            log: log,
            firstEvent: firstEvent,
            state: .building,
            phase: phase
        )
    }

    /// Rewrites an identity that was stored in a former format.
    func setIdentity(_ identity: GenerationIdentity, of number: GenerationNumber) async throws {
        try await connection.execute(Statements.setIdentity, [.int64(number.rawValue), .text(identity.text)])
    }

    /// Records which log a generation is folded from, where that is not known yet.
    func setLog(_ log: LogID, of number: GenerationNumber) async throws {
        try await connection.execute(Statements.setLog, [.int64(number.rawValue), .int64(log.rawValue)])
    }

    // MARK: State

    /// Changes a generation's state; one that is to be dropped stays so.
    package func setState(_ state: GenerationState, of number: GenerationNumber) async throws {
        try await connection.execute(Statements.setState, [.int64(number.rawValue), .text(state.rawValue)])
    }

    /// Records in which form the rows are stored. Part of the transaction that stores them so.
    func setPhase(_ phase: GenerationPhase, of number: GenerationNumber) async throws {
        try await connection.execute(Statements.setPhase, [.int64(number.rawValue), .text(phase.rawValue)])
    }

    /// Records that readers find the rows of a live generation: only now its checkpoint says what they see. A statement
    /// that was planned while its tables were being attached may overlook them, however fresh its snapshot.
    func setReadable(_ number: GenerationNumber) async throws {
        try await connection.execute(Statements.setReadable, [.int64(number.rawValue)])
    }

    /// Records why a generation is stopped, or, with nil, that it continues.
    package func setCause(
        _ cause: String?,
        at position: GlobalPosition?,
        of number: GenerationNumber
    ) async throws {
        try await connection.execute(
            Statements.setCause,
            [.int64(number.rawValue), .optional(cause), .optional(position?.rawValue)]
        )
    }

    /// Records why a generation's owner makes no progress at present.
    func setWaiting(for reason: String, of number: GenerationNumber) async throws {
        try await connection.execute(Statements.setWaiting, [.int64(number.rawValue), .text(reason)])
    }

    /// Records an error of a generation that continues all the same.
    func setLastError(_ message: String, of number: GenerationNumber) async throws {
        try await connection.execute(Statements.setLastError, [.int64(number.rawValue), .text(message)])
    }

    // MARK: Parts of pointing

    /// Keeps a generation from being dropped until the end of the transaction.
    ///
    /// - Returns: false when it is to be dropped, or was.
    func lockUnretired(_ number: GenerationNumber) async throws -> Bool {
        try await !connection.query(Statements.lockUnretired, [.int64(number.rawValue)]).isEmpty
    }

    /// The pointer is moved to a generation.
    func setEntered(_ number: GenerationNumber) async throws {
        try await connection.execute(Statements.setEntered, [.int64(number.rawValue)])
    }

    /// The pointer is moved away from a generation.
    func setLeft(_ number: GenerationNumber) async throws {
        try await connection.execute(Statements.setLeft, [.int64(number.rawValue)])
    }

    /// Retires the generations of a projection that were pointed at, except those that still are or are kept.
    func retirePointed(of name: ProjectionName, except numbers: [GenerationNumber]) async throws {
        try await connection.execute(
            Statements.retirePointed,
            [.text(name.rawValue), .int64Array(numbers.map(\.rawValue))]
        )
    }

    // MARK: Dropping

    /// The generations that are to be dropped, the oldest first.
    func retired() async throws -> [(number: GenerationNumber, isVisible: Bool)] {
        try await connection.query(Statements.retired).rows.map { row in
            (GenerationNumber(try row.int64("generation")), try row.bool("is_visible"))
        }
    }

    /// Whether a generation is still to be dropped; if so, it stays so until the end of the transaction.
    func lockRetired(_ number: GenerationNumber) async throws -> Bool {
        try await !connection.query(Statements.lockRetired, [.int64(number.rawValue)]).isEmpty
    }

    /// Forgets a generation, with its checkpoint and dead letters.
    func remove(_ number: GenerationNumber) async throws {
        try await connection.execute(Statements.remove, [.int64(number.rawValue)])
    }
}

extension GenerationStore {
    private enum Statements {
        static let byNumber = "SELECT \(Generation.columns) FROM refold.generations WHERE generation = $1"

        static let unfinished = """
            SELECT \(Generation.columns) FROM refold.generations
             WHERE projection = $1 AND state IN ('building', 'ready') ORDER BY generation DESC LIMIT 1
            """

        /// The waits are those of leases that have not ended; `own_wait` is null when there is no such lease.
        static let records = """
            SELECT g.generation, g.version, g.identity, g.state, g.phase, g.target, g.cause, g.last_error,
                   g.last_error_at, g.readable_at, c.position, c.rate, \(Ownership.columns),
                   o.waiting_for ->> '' AS common_wait,
                   (SELECT coalesce(g.waiting_for, min(t.waiting_for ->> g.projection)) FROM refold.owners t
                     WHERE t.renewed_at + t.lease_milliseconds * interval '1 ms' >= clock_timestamp()
                    HAVING count(*) > 0) AS own_wait,
                   (SELECT count(*) FROM refold.dead_letters d WHERE d.generation = g.generation) AS dead_letters
              FROM refold.generations g JOIN refold.checkpoints c USING (generation)
              LEFT JOIN refold.owners o ON o.id = c.owner
             WHERE g.projection = $1 AND (g.generation = $2 OR g.state IN ('building', 'ready'))
             ORDER BY g.generation DESC
            """

        static let listed = """
            WITH sizes AS (
                SELECT substring(relname FROM '_g([0-9]+)(?:_versions)?$')::bigint AS generation,
                       sum(pg_total_relation_size(oid))::bigint AS bytes
                  FROM pg_class WHERE relnamespace = 'refold_data'::regnamespace AND relkind = 'r' GROUP BY 1
            )
            SELECT g.generation, g.projection, g.version, g.identity, g.phase, g.created_at, g.pointed_at, c.position,
                   coalesce(s.bytes, 0)::bigint AS bytes,
                   CASE WHEN g.generation = p.live THEN 'live' WHEN g.generation = p.kept THEN 'kept' ELSE g.state END AS role
              FROM refold.generations g JOIN refold.checkpoints c USING (generation)
              JOIN refold.projections p ON p.name = g.projection LEFT JOIN sizes s ON s.generation = g.generation
             ORDER BY g.projection, g.generation DESC
            """

        static let nextNumber = "SELECT nextval('refold.generation_numbers')"

        static let add = """
            INSERT INTO refold.generations
                   (generation, projection, version, identity, state, phase, target, log_id, first_event)
            VALUES ($1, $2, $3, $4, 'building', $5, $6, $7, $8)
            """

        static let setIdentity = "UPDATE refold.generations SET identity = $2 WHERE generation = $1"

        static let setLog = "UPDATE refold.generations SET log_id = $2 WHERE generation = $1 AND log_id IS NULL"

        static let setState = "UPDATE refold.generations SET state = $2 WHERE generation = $1 AND state <> 'retired'"

        static let setPhase = "UPDATE refold.generations SET phase = $2 WHERE generation = $1"

        static let setReadable = """
            UPDATE refold.generations SET readable_at = clock_timestamp() WHERE generation = $1 AND readable_at IS NULL
            """

        static let setCause = """
            UPDATE refold.generations
               SET cause = $2, stopped_at = $3, waiting_for = NULL, last_error = coalesce($2, last_error),
                   last_error_at = CASE WHEN $2 IS NULL THEN last_error_at ELSE clock_timestamp() END
             WHERE generation = $1
            """

        static let setWaiting = """
            UPDATE refold.generations
               SET waiting_for = $2, last_error = $2, last_error_at = clock_timestamp() WHERE generation = $1
            """

        static let setLastError = """
            UPDATE refold.generations SET last_error = $2, last_error_at = clock_timestamp() WHERE generation = $1
            """

        static let lockUnretired = """
            SELECT FROM refold.generations WHERE generation = $1 AND state <> 'retired' FOR NO KEY UPDATE
            """

        static let setEntered = """
            UPDATE refold.generations
               SET state = 'pointed', pointed_at = clock_timestamp(), left_at = NULL, left_xid = NULL,
                   readable_at = CASE WHEN phase = 'settled' THEN coalesce(readable_at, clock_timestamp()) END
             WHERE generation = $1
            """

        /// The transaction's id says later which snapshots do not see the move yet: see `retired`.
        static let setLeft = """
            UPDATE refold.generations SET left_at = clock_timestamp(), left_xid = pg_current_xact_id()
             WHERE generation = $1
            """

        static let retirePointed = """
            UPDATE refold.generations SET state = 'retired'
             WHERE projection = $1 AND state = 'pointed' AND generation <> ALL ($2)
            """

        /// A snapshot that does not see the pointer's move may still read the generation that was left. It takes that
        /// transaction for one that is running or yet to come, so its xmin is not above it. Every role may see xmin and
        /// database of others' sessions, unlike their kind and the time at which their transactions began. A session with
        /// a snapshot and no database is a walsender, for the snapshots of a standby.
        static let retired = """
            SELECT g.generation,
                   EXISTS (SELECT FROM pg_stat_activity a
                            WHERE (a.datname = current_database()
                                       AND coalesce(a.backend_type, '') IN ('', 'client backend')
                                   OR a.datname IS NULL)
                              AND a.pid <> pg_backend_pid() AND a.backend_xmin IS NOT NULL
                              AND pg_snapshot_xmax(pg_current_snapshot())::text::bigint - age(a.backend_xmin)
                                  <= g.left_xid::text::bigint) AS is_visible
              FROM refold.generations g WHERE g.state = 'retired' ORDER BY g.generation
            """

        static let lockRetired = """
            SELECT FROM refold.generations g WHERE generation = $1 AND state = 'retired'
               AND NOT EXISTS (SELECT FROM refold.projections p WHERE g.generation IN (p.live, p.kept))
            FOR UPDATE
            """

        static let remove = "DELETE FROM refold.generations WHERE generation = $1"
    }
}

extension Generation {
    /// What is read of `refold.generations`.
    fileprivate static let columns = "generation, projection, version, identity, log_id, first_event, state, phase"

    fileprivate init(_ row: PostgresRow) throws {
        self.init(
            number: GenerationNumber(try row.int64("generation")),
            projection: try ProjectionName(row.text("projection")),
            version: Int(try row.int32("version")),
            identity: try row.text("identity"),
            log: try row.optionalInt64("log_id").map { LogID(rawValue: $0) },
            firstEvent: try row.optionalInt64("first_event").map { GlobalPosition($0) },
            state: try GenerationState(stored: row.text("state")),
            phase: try GenerationPhase(stored: row.text("phase"))
        )
    }
}
