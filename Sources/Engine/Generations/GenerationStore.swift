package import EventStore
package import Postgres
package import Refold

/// Reading and moving Refold's own bookkeeping. Lock order everywhere: pointer, checkpoints by generation, data.
extension PostgresConnection {
    // MARK: The pointer

    /// The pointer of a projection.
    ///
    /// - Parameter lock: takes the row until the end of the transaction.
    package func pointer(of name: ProjectionName, lock: Bool = false) throws -> Pointer {
        let sql = "SELECT live, kept, revision FROM refold.projections WHERE name = $1"
        let result: PostgresResult
        do {
            result = try query(lock ? sql + " FOR UPDATE" : sql, [.text(name.rawValue)])
        } catch {
            // No such table, or no such schema.
            guard [.undefinedTable, .invalidSchemaName].contains(error.sqlState) else { throw error }
            throw EngineError.notMigrated(name)
        }
        guard let row = result.rows.first else { throw EngineError.notMigrated(name) }
        return Pointer(
            live: try row.optionalInt64("live").map { GenerationNumber($0) },
            kept: try row.optionalInt64("kept").map { GenerationNumber($0) },
            revision: try row.int64("revision")
        )
    }

    /// Makes a generation the live one, from the revision that was read: false when someone moved the pointer
    /// meanwhile, or the generation is being dropped. Part of a transaction that holds the pointer's row.
    ///
    /// Both generations get new fencing values: a daemon that feeds the old one finds its next commit refused.
    package func point(
        _ name: ProjectionName,
        to generation: GenerationNumber?,
        kept: GenerationNumber?,
        from pointer: Pointer
    ) throws
        -> Bool
    {
        if let generation {
            // One that is to be dropped may be losing its tables now; from here on nobody can begin to drop this one.
            let exists = try query(
                "SELECT FROM refold.generations WHERE generation = $1 AND state <> 'retired' FOR NO KEY UPDATE",
                [.int64(generation.rawValue)]
            )
            guard !exists.isEmpty else { return false }
        }
        let moved = try execute(
            """
            UPDATE refold.projections SET live = $2, kept = $3, revision = revision + 1, pointed_at = clock_timestamp()
             WHERE name = $1 AND revision = $4
            """,
            [
                .text(name.rawValue), .optional(generation?.rawValue), .optional(kept?.rawValue),
                .int64(pointer.revision),
            ]
        )
        guard moved == 1 else { return false }
        let touched = [pointer.live, generation].compactMap { $0?.rawValue }
        try execute(
            "UPDATE refold.checkpoints SET fencing_value = refold.new_fencing_value() WHERE generation = ANY ($1)",
            [.int64Array(touched)]
        )
        try execute(
            """
            UPDATE refold.generations
               SET state = 'pointed', pointed_at = clock_timestamp(), left_at = NULL, left_xid = NULL,
                   readable_at = CASE WHEN phase = 'settled' THEN coalesce(readable_at, clock_timestamp()) END
             WHERE generation = $1
            """,
            [.optional(generation?.rawValue)]
        )
        try execute(
            """
            UPDATE refold.generations SET left_at = clock_timestamp(), left_xid = pg_current_xact_id()
             WHERE generation = $1
            """,
            [.optional(pointer.live?.rawValue)]
        )
        // What was kept for rollback before has done its duty.
        try execute(
            """
            UPDATE refold.generations SET state = 'retired'
             WHERE projection = $1 AND state = 'pointed' AND generation <> ALL ($2)
            """,
            [.text(name.rawValue), .int64Array([generation, kept].compactMap { $0?.rawValue })]
        )
        return true
    }

    // MARK: Generations

    /// A generation by number.
    package func generation(_ number: GenerationNumber) throws -> Generation? {
        try query(
            "SELECT \(Generation.columns) FROM refold.generations WHERE generation = $1",
            [.int64(number.rawValue)]
        )
        .rows.first.map { try Generation($0) }
    }

    /// The half-built or ready generation of a projection, the newest if there are several.
    package func unfinishedGeneration(of name: ProjectionName) throws -> Generation? {
        try query(
            """
            SELECT \(Generation.columns) FROM refold.generations
             WHERE projection = $1 AND state IN ('building', 'ready') ORDER BY generation DESC LIMIT 1
            """,
            [.text(name.rawValue)]
        ).rows.first.map { try Generation($0) }
    }

    /// Records a new generation at position 0. Its tables are the caller's.
    ///
    /// - Parameters:
    ///   - log: the log it is to be folded from; nil for the one that its first owner reads.
    ///   - firstEvent: the first position that holds an event now; nil for none, or not known.
    package func addGeneration(
        of projection: any Projection,
        identity: String,
        phase: Generation.Phase,
        target: GlobalPosition?,
        log: LogID? = nil,
        firstEvent: GlobalPosition? = nil
    ) throws -> Generation {
        let number = GenerationNumber(try query("SELECT nextval('refold.generation_numbers')").int64(0, 0))
        try execute(
            """
            INSERT INTO refold.generations
                   (generation, projection, version, identity, state, phase, target, log_id, first_event)
            VALUES ($1, $2, $3, $4, 'building', $5, $6, $7, $8)
            """,
            [
                .int64(number.rawValue), .text(projection.name.rawValue), .int32(Int32(projection.version)),
                .text(identity),
                .text(phase.rawValue), .optional(target?.rawValue), .optional(log?.rawValue),
                .optional(firstEvent?.rawValue),
            ]
        )
        try execute("INSERT INTO refold.checkpoints (generation) VALUES ($1)", [.int64(number.rawValue)])
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

    /// Changes a generation's state; one that is to be dropped stays so.
    package func setState(_ state: Generation.State, of generation: GenerationNumber) throws {
        try execute(
            "UPDATE refold.generations SET state = $2 WHERE generation = $1 AND state <> 'retired'",
            [.int64(generation.rawValue), .text(state.rawValue)]
        )
    }

    /// Records why a generation is stopped, or, with nil, that it goes on.
    package func setCause(_ cause: String?, at position: GlobalPosition?, of generation: GenerationNumber) throws {
        try execute(
            """
            UPDATE refold.generations
               SET cause = $2, stopped_at = $3, waiting_for = NULL, last_error = coalesce($2, last_error),
                   last_error_at = CASE WHEN $2 IS NULL THEN last_error_at ELSE clock_timestamp() END
             WHERE generation = $1
            """,
            [.int64(generation.rawValue), .optional(cause), .optional(position?.rawValue)]
        )
    }

    /// Records that readers find the rows of a live generation: only now its checkpoint says what they see. A statement
    /// that was planned while its tables were being attached may overlook them, however fresh its snapshot.
    func setReadable(_ generation: GenerationNumber) throws {
        try execute(
            "UPDATE refold.generations SET readable_at = clock_timestamp() WHERE generation = $1 AND readable_at IS NULL",
            [.int64(generation.rawValue)]
        )
    }

    /// Records why a generation's owner does not get on for the time being.
    func setWaiting(for reason: String, _ generation: GenerationNumber) throws {
        try execute(
            """
            UPDATE refold.generations
               SET waiting_for = $2, last_error = $2, last_error_at = clock_timestamp() WHERE generation = $1
            """,
            [.int64(generation.rawValue), .text(reason)]
        )
    }

    /// Records what went wrong with a generation that goes on all the same.
    func setLastError(_ message: String, of generation: GenerationNumber) throws {
        try execute(
            "UPDATE refold.generations SET last_error = $2, last_error_at = clock_timestamp() WHERE generation = $1",
            [.int64(generation.rawValue), .text(message)]
        )
    }

    // MARK: Checkpoints

    /// The last position whose effects a generation has.
    ///
    /// - Parameter lock: takes the row until the end of the transaction, so that its owner's next commit waits.
    package func checkpoint(of generation: GenerationNumber, lock: Bool = false) throws -> GlobalPosition {
        let sql = "SELECT position FROM refold.checkpoints WHERE generation = $1"
        let result = try query(lock ? sql + " FOR UPDATE" : sql, [.int64(generation.rawValue)])
        return GlobalPosition(result.isEmpty ? 0 : try result.int64(0, 0))
    }

    /// The furthest that a live generation has been folded of a log; nil without one.
    func newestLiveCheckpoint(of log: LogID) throws -> GlobalPosition? {
        try query(
            """
            SELECT max(c.position) FROM refold.projections p JOIN refold.generations g ON g.generation = p.live
              JOIN refold.checkpoints c ON c.generation = p.live WHERE coalesce(g.log_id, $1) = $1
            """,
            [.int64(log.rawValue)]
        ).rows.first?.optionalInt64(0).map { GlobalPosition($0) }
    }

    /// Advisory locks share one space in a database: "Refold" in the upper bytes keeps ours apart.
    package static func lockKey(of generation: Int64) -> Int64 { 0x5265_666f_0000_0000 + generation }
}

extension Generation {
    /// What is read of `refold.generations`.
    static let columns = "generation, projection, version, identity, log_id, first_event, state, phase"

    init(_ row: PostgresRow) throws {
        let (state, phase) = (try row.text("state"), try row.text("phase"))
        guard let state = State(rawValue: state), let phase = Phase(rawValue: phase) else {
            throw EngineError(
                .notMigrated,
                "refold.generations has the unknown state \(state), phase \(phase)",
                remedy: "run the version of refold that wrote it"
            )
        }
        self.init(
            number: GenerationNumber(try row.int64("generation")),
            projection: try ProjectionName(row.text("projection")),
            version: Int(try row.int32("version")),
            identity: try row.text("identity"),
            log: try row.optionalInt64("log_id").map { LogID(rawValue: $0) },
            firstEvent: try row.optionalInt64("first_event").map { GlobalPosition($0) },
            state: state,
            phase: phase
        )
    }
}

extension EngineError {
    static func notMigrated(_ name: ProjectionName) -> EngineError {
        EngineError(
            .notMigrated,
            projection: name,
            "projection \(name) is not in this database yet",
            remedy: "run refold migrate"
        )
    }

    static func owned(_ generation: Generation, by ownership: Ownership?) -> EngineError {
        let who =
            ownership.map(\.owner).map { owner in
                "\(owner.host), pid \(owner.pid)\(owner.since.map { ", since \($0)" } ?? "")"
            } ?? "somebody who is just taking or leaving it"
        return EngineError(
            .owned,
            projection: generation.projection,
            "\(generation.projection) generation \(generation.number) is owned by \(who)",
            remedy: "stop that process or try again later"
        )
    }

    static func checkpointLocked(_ generation: Generation) -> EngineError {
        EngineError(
            .locked,
            projection: generation.projection,
            "the checkpoint of \(generation.projection) generation \(generation.number) is locked, and not by its owner",
            remedy: "end the transaction that has it (pg_locks, pg_stat_activity)"
        )
    }

    static func fenced(_ generation: Generation) -> EngineError {
        EngineError(
            .fenced,
            projection: generation.projection,
            "\(generation.projection) generation \(generation.number) was taken over or left by the pointer",
            remedy: "nothing to do: the daemon goes on with the live generation, a rebuild can be run again"
        )
    }
}

extension PostgresValue {
    static func optional(_ number: Int64?) -> PostgresValue { number.map { .int64($0) } ?? .null }
    static func optional(_ text: String?) -> PostgresValue { text.map { .text($0) } ?? .null }
}
