package import Postgres
package import Refold

/// Creating, attaching and dropping the tables of generations.
extension PostgresConnection {
    /// Creates an empty generation and points at it: what `reset` does, and the first daemon.
    ///
    /// It has no tables yet, so its views are empty. Its owner builds it in memory like a rebuild, and readers see it as
    /// soon as it has caught up, or when it outgrows the memory.
    ///
    /// - Parameter pointer: the pointer as it was read when the operation started.
    /// - Returns: nil when the pointer has moved meanwhile.
    package func createLiveGeneration(
        of projection: any Projection,
        identity: String,
        replacing pointer: Pointer
    ) throws -> Generation? {
        let current = try self.pointer(of: projection.name, lock: true)
        guard current.revision == pointer.revision else { return nil }
        if let live = current.live { _ = try checkpoint(of: live, lock: true) }
        let generation = try addGeneration(of: projection, identity: identity, phase: .memory, target: nil)
        try showTables(of: projection)
        guard try point(projection.name, to: generation.number, kept: current.live, from: current) else { return nil }
        return generation
    }

    /// Attaches a generation's settled tables to their parents; those that are attached stay so.
    ///
    /// ATTACH waits for nobody who reads: its lock on the parent conflicts only with other changes of the parent. Against
    /// those it tries again, so that it never stands long in a queue.
    package func attach(_ tables: [GenerationTable]) async throws {
        try executeScript("SET lock_timeout = '200ms'")
        let deadline = ContinuousClock.now + .seconds(30)
        for table in tables {
            while try !attachNow(table, mayTryAgain: ContinuousClock.now < deadline) {
                try await Task.sleep(for: .milliseconds(100))
            }
        }
        try executeScript("RESET lock_timeout")
        try await outlastPlans(over: tables)
    }

    /// Waits until no statement can be under way that was planned before the tables were attached and takes its snapshot
    /// after the pointer has moved: it would look for the new generation among the partitions of its plan, and find
    /// nothing.
    ///
    /// A statement locks the parent before it is planned and takes its snapshot afterwards, within moments. So those who
    /// hold such a lock now are waited for; a transaction that keeps its locks for long is past that point after a
    /// second.
    private func outlastPlans(over tables: [GenerationTable]) async throws {
        let holders = """
            SELECT DISTINCT virtualtransaction FROM pg_locks
             WHERE locktype = 'relation' AND granted AND pid <> pg_backend_pid()
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
               AND relation = ANY (SELECT to_regclass(name) FROM unnest($1::text[]) AS name)
            """
        let parents = [PostgresValue.textArray(tables.map(\.quotedParent))]
        let deadline = ContinuousClock.now + .seconds(1)
        var waitedFor = Set(try query(holders, parents).rows.map { try $0.text(0) })
        while !waitedFor.isEmpty && ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(2))
            waitedFor.formIntersection(try query(holders, parents).rows.map { try $0.text(0) })
        }
    }

    /// - Returns: false when a lock could not be had in time and another try is allowed.
    private func attachNow(_ table: GenerationTable, mayTryAgain: Bool) throws -> Bool {
        let isAttached = try query(
            "SELECT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass($1))",
            [.text(table.quotedName)]
        ).bool(0, 0)
        if isAttached { return true }
        do {
            try execute(table.attachSQL)
            return true
        } catch {
            guard mayTryAgain, error.sqlState == "55P03" else { throw error }
            return false
        }
    }

    /// Makes the views show the tables of the projection's present shape. Part of the pointing transaction.
    ///
    /// A view with the same columns, or with more at the end, is replaced in place, which keeps its grants and whatever
    /// stands on it. Other changes need the view to be made anew.
    package func showTables(of projection: any Projection) throws {
        for table in projection.model.tables where table.isPublic {
            guard try !shows(table) else { continue }
            do {
                try executeScript("SAVEPOINT view; \(table.createViewSQL(of: projection.name)); RELEASE view")
            } catch {
                guard error.sqlState == "42P16" else { throw error }
                try executeScript("ROLLBACK TO view")
                try replaceView(of: table, projection.name)
            }
        }
    }

    /// Whether the view reads the table's parent already.
    private func shows(_ table: TableDefinition) throws -> Bool {
        try query(
            """
            SELECT EXISTS (
                SELECT FROM pg_rewrite r JOIN pg_depend d ON d.objid = r.oid AND d.classid = 'pg_rewrite'::regclass
                 WHERE r.ev_class = to_regclass($1) AND d.refobjid = to_regclass($2)
            )
            """,
            [
                .text(quoteIdentifier("read_models", table.name)),
                .text(quoteIdentifier("refold_data", table.parentName)),
            ]
        ).bool(0, 0)
    }

    /// Drops the view and makes it anew with its owner, grants and comment.
    ///
    /// - Throws: ``EngineError/Code/blocked`` naming the views of others that stand on it; nothing is changed then.
    private func replaceView(of table: TableDefinition, _ projection: ProjectionName) throws {
        let view = quoteIdentifier("read_models", table.name)
        let dependents = try query(
            """
            SELECT DISTINCT r.ev_class::regclass::text FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
             WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid = to_regclass($1) AND r.ev_class <> d.refobjid
            """,
            [.text(view)]
        )
        if !dependents.isEmpty {
            throw EngineError(
                .blocked,
                projection: projection,
                "the columns of \(view) change and other views stand on it: "
                    + (try dependents.rows.map { try $0.text(0) }.joined(separator: ", ")),
                remedy: "drop them, run this again, and create them anew"
            )
        }
        let restore = try query(
            """
            SELECT format('ALTER VIEW %s OWNER TO %I', $1, pg_get_userbyid(c.relowner)) FROM pg_class c
             WHERE c.oid = to_regclass($1)
            UNION ALL
            SELECT format('GRANT %s ON %s TO %s%s', a.privilege_type, $1,
                          CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
                          CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
              FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = to_regclass($1) AND a.grantee <> c.relowner
            UNION ALL
            SELECT format('COMMENT ON VIEW %s IS %L', $1, d.description) FROM pg_description d
             WHERE d.objoid = to_regclass($1) AND d.objsubid = 0
            """,
            [.text(view)]
        )
        try executeScript("DROP VIEW \(view)")
        try executeScript(table.createViewSQL(of: projection))
        for row in restore.rows { try executeScript(try row.text(0)) }
    }

    // MARK: Dropping

    /// Drops generations that were left behind, as far as nobody can see them any more. What cannot be dropped now is
    /// left for the next time.
    ///
    /// - Returns: the generations that are still there, with the reason.
    package func dropRetired() throws -> [LeftGeneration] {
        var left: [LeftGeneration] = []
        // Who is in a transaction now may have a snapshot from before the pointer left; who begins one later cannot.
        try execute(
            """
            UPDATE refold.generations SET witnesses = ARRAY(\(Self.openSnapshotsSQL))
             WHERE left_at IS NOT NULL AND witnesses IS NULL
            """
        )
        let retired = try query(
            """
            SELECT generation, coalesce(witnesses && ARRAY(\(Self.openSnapshotsSQL)), false) AS is_visible
              FROM refold.generations WHERE state = 'retired' ORDER BY generation
            """
        )
        for row in retired.rows {
            let generation = try row.int64("generation")
            // A snapshot from before the pointer left may still read it.
            if try row.bool("is_visible") {
                left.append(.init(number: generation, reason: "a transaction that began before is still open"))
                continue
            }
            do {
                try drop(generation)
            } catch let error as PostgresError where ["55P03", "57014"].contains(error.sqlState) {
                left.append(.init(number: generation, reason: "someone still uses its tables"))
            }
        }
        return left
    }

    /// The transactions that may hold a snapshot, as `pg_locks` shows them to every role. Those that are known to hold none,
    /// such as idle ones in READ COMMITTED, are left out; of other roles' sessions a plain role does not know.
    private static let openSnapshotsSQL = """
        SELECT l.virtualtransaction FROM pg_locks l JOIN pg_stat_activity a USING (pid)
         WHERE l.locktype = 'virtualxid' AND a.datname = current_database() AND l.pid <> pg_backend_pid()
           AND coalesce(a.backend_type, 'client backend') = 'client backend'
           AND (a.state IS NULL OR a.backend_xmin IS NOT NULL)
        """

    /// Drops a generation's tables and its rows in the bookkeeping, unless a process owns it.
    private func drop(_ generation: Int64) throws {
        guard try query("SELECT pg_try_advisory_lock($1)", [.int64(Self.lockKey(of: generation))]).bool(0, 0) else {
            return
        }
        defer { _ = try? query("SELECT pg_advisory_unlock($1)", [.int64(Self.lockKey(of: generation))]) }
        let tables = try query(
            """
            SELECT c.oid::regclass::text AS name, i.inhparent::regclass::text AS parent, i.inhdetachpending
              FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
             WHERE c.relnamespace = 'refold_data'::regnamespace AND c.relkind = 'r'
               AND c.relname ~ ('_g' || $1 || '(_versions)?$')
            """,
            [.text(String(generation))]
        )
        try executeScript("SET lock_timeout = '200ms'; SET statement_timeout = '2s'")
        defer { try? executeScript("RESET lock_timeout; RESET statement_timeout") }
        for row in tables.rows {
            let name = try row.text("name")
            if let parent = try row.optionalText("parent") {
                // CONCURRENTLY takes no lock that readers of the parent feel; an interrupted one is finished.
                let how = try row.bool("inhdetachpending") ? "FINALIZE" : "CONCURRENTLY"
                try executeScript("ALTER TABLE \(parent) DETACH PARTITION \(name) \(how)")
            }
            try executeScript("DROP TABLE \(name)")
        }
        try execute("DELETE FROM refold.generations WHERE generation = $1", [.int64(generation)])
    }
}

/// A generation that is to be dropped and could not be yet.
package struct LeftGeneration: Sendable {
    package let number: Int64
    package let reason: String
}
