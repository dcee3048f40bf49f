package import Postgres
package import Refold

/// The tables of read models, in schema `refold_data`: a partitioned parent for each shape of a table, and a partition of it
/// for each generation.
package struct ReadModelTables: Sendable {
    private let connection: PostgresConnection

    /// The tables on a session, in a transaction of the caller's where a method says so.
    package init(_ connection: PostgresConnection) { self.connection = connection }

    /// How long attaching retries for a lock that others hold.
    private static let attachLimit: Duration = .seconds(30)
    /// How long a statement can take from its planning to its snapshot.
    private static let planLimit: Duration = .seconds(1)

    /// Whether a table or view is there.
    func exists(_ quotedName: String) async throws -> Bool {
        try await connection.query(Statements.exists, [.text(quotedName)]).bool(0, 0)
    }

    // MARK: Parents

    /// Creates the parents that the projection's tables lack: tables of another shape have a parent of their own, and
    /// nobody need run `migrate` for it. In a transaction.
    package func addParents(of projection: any Projection) async throws {
        for table in projection.model.tables where try await !exists(table.quotedParent) {
            // As `migrate` does, which may be creating it now.
            try await SchemaStore(connection).lock()
            try await connection.executeScript(table.createParentSQL)
        }
    }

    /// - Throws: ``EngineError/Code/identityDiffers`` when a generation's tables have another shape than the projection's
    ///   have now, so that its views would not show them.
    func requireShape(of generation: Generation, _ projection: any Projection) async throws {
        for table in generation.tables(of: projection) {
            let isElsewhere = try await connection.query(
                Statements.isOfOtherParent,
                [.text(table.quotedName), .text(table.quotedParent)]
            ).bool(0, 0)
            guard isElsewhere else { continue }
            throw EngineError(
                .identityDiffers,
                projection: projection.name,
                "table \(table.name) of the kept generation has other columns than \(projection.name) has now",
                remedy: "roll back with the version of refold that folded it, or rebuild"
            )
        }
    }

    // MARK: Attaching

    /// Attaches tables as part of the transaction that wrote them, however long that took: it waits for locks briefly,
    /// again and again, so that the transaction never stands in a queue with readers behind it.
    func attachWithinTransaction(_ tables: [GenerationTable]) async throws {
        let deadline = ContinuousClock.now + Self.attachLimit
        try await connection.executeScript("SET LOCAL lock_timeout = '200ms'")
        for table in tables {
            while true {
                try await connection.executeScript("SAVEPOINT attaching")
                do {
                    try await connection.executeScript("\(table.attachSQL); RELEASE attaching")
                    break
                } catch {
                    guard error.sqlState == .lockNotAvailable, ContinuousClock.now < deadline else { throw error }
                    try await connection.executeScript("ROLLBACK TO attaching; SELECT pg_sleep(0.1)")
                }
            }
        }
        try await connection.executeScript("SET LOCAL lock_timeout = 0")
    }

    /// Attaches a generation's settled tables to their parents; those that are attached stay so.
    ///
    /// ATTACH does not wait for readers: its lock on the parent conflicts only with other changes of the parent.
    /// Against those it tries again, so that it never waits long in a queue.
    package func attach(_ tables: [GenerationTable]) async throws {
        let deadline = ContinuousClock.now + Self.attachLimit
        for table in tables {
            while try await !attachNow(table, mayTryAgain: ContinuousClock.now < deadline) {
                try await Task.sleep(for: .milliseconds(100))
            }
        }
        try await outlastPlans(over: tables)
    }

    /// - Returns: false when a lock could not be had in time and another try is allowed.
    private func attachNow(_ table: GenerationTable, mayTryAgain: Bool) async throws -> Bool {
        if try await connection.query(Statements.isAttached, [.text(table.quotedName)]).bool(0, 0) { return true }
        do {
            try await connection.transaction { connection in
                try connection.executeScript("SET LOCAL lock_timeout = '200ms'")
                try connection.execute(table.attachSQL)
            }
            return true
        } catch let error as PostgresError {
            guard mayTryAgain, error.sqlState == .lockNotAvailable else { throw error }
            return false
        }
    }

    /// Waits until no statement in progress can have been planned before the tables were attached and take its snapshot
    /// after the pointer has moved: it would look for the new generation among the partitions of its plan, and find
    /// nothing.
    ///
    /// A statement locks the parent before it is planned and takes its snapshot afterwards, within moments. So this
    /// waits for the sessions that hold such a lock now; a transaction that keeps its locks for long is past that point
    /// after a second.
    func outlastPlans(over tables: [GenerationTable]) async throws {
        let deadline = ContinuousClock.now + Self.planLimit
        var waitedFor = try await transactions(thatLock: tables)
        while !waitedFor.isEmpty && ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(2))
            waitedFor.formIntersection(try await transactions(thatLock: tables))
        }
    }

    private func transactions(thatLock tables: [GenerationTable]) async throws -> Set<String> {
        let parents = PostgresValue.textArray(tables.map(\.quotedParent))
        return Set(try await connection.query(Statements.lockingTransactions, [parents]).rows.map { try $0.text(0) })
    }

    // MARK: Dropping

    /// A table of a generation, as the database has it.
    struct Partition: Sendable {
        let name: String
        /// The table that it is a partition of.
        let parent: String?
        let isDetaching: Bool
    }

    /// The tables that a generation has, those of versions included.
    func partitions(of generation: GenerationNumber) async throws -> [Partition] {
        try await connection.query(Statements.partitions, [.text(generation.description)]).rows.map { row in
            Partition(
                name: try row.text("name"),
                parent: try row.optionalText("parent"),
                isDetaching: try row.bool("is_detaching")
            )
        }
    }

    /// Detaches a table from its parent.
    ///
    /// CONCURRENTLY takes no lock that readers of the parent feel, and waits for older snapshots; an interrupted one is
    /// finished. It cannot run in a transaction, so its time limits are the session's: behind a pooler, where there is
    /// none, the parent is locked for as short a moment as possible.
    func detach(_ partition: Partition, from parent: String) async throws {
        let statement = "ALTER TABLE \(parent) DETACH PARTITION \(partition.name)"
        if connection.isPooled || partition.isDetaching {
            try await connection.transaction { connection in
                try connection.executeScript("SET LOCAL lock_timeout = '200ms'; SET LOCAL statement_timeout = '2s'")
                try connection.executeScript(partition.isDetaching ? statement + " FINALIZE" : statement)
            }
            return
        }
        try await connection.executeScript("SET lock_timeout = '200ms'; SET statement_timeout = '2s'")
        let withoutLimits = "SET lock_timeout = 0; SET statement_timeout = 0"
        do {
            try await connection.executeScript(statement + " CONCURRENTLY")
        } catch {
            try? await connection.executeScript(withoutLimits)
            throw error
        }
        try? await connection.executeScript(withoutLimits)
    }

    /// Drops tables. In a transaction.
    func drop(_ partitions: [Partition]) async throws {
        guard !partitions.isEmpty else { return }
        // Each statement goes through all of the server's buffers once.
        try await connection.executeScript("DROP TABLE \(partitions.map(\.name).joined(separator: ", "))")
    }

    /// Objects that others have made on a generation's own tables, such as views: dropping the tables would drop them
    /// too.
    ///
    /// - Returns: their names; nil when there is nothing.
    package func dependents(on generation: GenerationNumber) async throws -> String? {
        try await connection.query(Statements.dependents, [.text(generation.description)]).rows.first?.optionalText(0)
    }
}

extension ReadModelTables {
    private enum Statements {
        static let exists = "SELECT to_regclass($1) IS NOT NULL"

        static let isAttached = "SELECT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass($1))"

        static let isOfOtherParent = """
            SELECT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass($1) AND inhparent <> to_regclass($2))
            """

        static let lockingTransactions = """
            SELECT DISTINCT virtualtransaction FROM pg_locks
             WHERE locktype = 'relation' AND granted AND pid <> pg_backend_pid()
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
               AND relation = ANY (SELECT to_regclass(name) FROM unnest($1::text[]) AS name)
            """

        static let partitions = """
            SELECT c.oid::regclass::text AS name, i.inhparent::regclass::text AS parent,
                   coalesce(i.inhdetachpending, false) AS is_detaching
              FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
             WHERE c.relnamespace = 'refold_data'::regnamespace AND c.relkind = 'r'
               AND c.relname ~ ('_g' || $1 || '(_versions)?$')
            """

        /// What goes with a table, its constraints and policies, depends on it automatically or internally.
        static let dependents = """
            SELECT string_agg(DISTINCT CASE WHEN d.classid = 'pg_rewrite'::regclass
                       THEN (SELECT pg_describe_object('pg_class'::regclass, r.ev_class, 0)
                               FROM pg_rewrite r WHERE r.oid = d.objid)
                       ELSE pg_describe_object(d.classid, d.objid, 0) END, ', ')
              FROM pg_class c JOIN pg_type t ON t.oid = c.reltype
              JOIN pg_depend d ON d.deptype = 'n'
                   AND (d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
                        OR d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray))
             WHERE c.relnamespace = 'refold_data'::regnamespace AND c.relkind = 'r'
               AND c.relname ~ ('_g' || $1 || '(_versions)?$')
               AND NOT EXISTS (SELECT FROM pg_depend own
                                WHERE own.classid = d.classid AND own.objid = d.objid AND own.deptype IN ('a', 'i')
                                  AND own.refclassid = 'pg_class'::regclass AND own.refobjid = c.oid)
            """
    }
}
