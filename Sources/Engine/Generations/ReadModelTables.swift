package import Postgres
package import Refold

/// Creating generations and attaching their tables.
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
        try addParents(of: projection)
        let generation = try addGeneration(of: projection, identity: identity, phase: .memory, target: nil)
        try showTables(of: projection)
        guard try point(projection.name, to: generation.number, kept: current.live, from: current) else { return nil }
        return generation
    }

    /// Creates the parents that the projection's tables lack: tables of another shape have a parent of their own, and
    /// nobody need run `migrate` for it. In a transaction.
    package func addParents(of projection: any Projection) throws {
        for table in projection.model.tables where try !tableExists(table.quotedParent) {
            // As `migrate` does, which may be creating it now.
            _ = try query("SELECT pg_advisory_xact_lock($1)", [.int64(Self.lockKey(of: 0))])
            try executeScript(table.createParentSQL)
        }
    }

    /// Attaches tables as part of the transaction that wrote them, whatever that took: locks are waited for briefly, again
    /// and again, so that the transaction never stands in a queue in which readers would stand behind it.
    func attachWithinTransaction(_ tables: [GenerationTable]) throws {
        let deadline = ContinuousClock.now + .seconds(30)
        try executeScript("SET LOCAL lock_timeout = '200ms'")
        for table in tables {
            while true {
                try executeScript("SAVEPOINT attaching")
                do {
                    try executeScript("\(table.attachSQL); RELEASE attaching")
                    break
                } catch {
                    guard error.sqlState == .lockNotAvailable, ContinuousClock.now < deadline else { throw error }
                    try executeScript("ROLLBACK TO attaching; SELECT pg_sleep(0.1)")
                }
            }
        }
        try executeScript("SET LOCAL lock_timeout = 0")
    }

    /// Attaches a generation's settled tables to their parents; those that are attached stay so.
    ///
    /// ATTACH waits for nobody who reads: its lock on the parent conflicts only with other changes of the parent. Against
    /// those it tries again, so that it never stands long in a queue.
    package func attach(_ tables: [GenerationTable]) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        for table in tables {
            while try await !attachNow(table, mayTryAgain: ContinuousClock.now < deadline) {
                try await Task.sleep(for: .milliseconds(100))
            }
        }
        try await outlastPlans(over: tables)
    }

    /// Waits until no statement can be under way that was planned before the tables were attached and takes its snapshot
    /// after the pointer has moved: it would look for the new generation among the partitions of its plan, and find
    /// nothing.
    ///
    /// A statement locks the parent before it is planned and takes its snapshot afterwards, within moments. So those who
    /// hold such a lock now are waited for; a transaction that keeps its locks for long is past that point after a
    /// second.
    func outlastPlans(over tables: [GenerationTable]) async throws {
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
    private func attachNow(_ table: GenerationTable, mayTryAgain: Bool) async throws -> Bool {
        let isAttached = try query(
            "SELECT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass($1))",
            [.text(table.quotedName)]
        ).bool(0, 0)
        if isAttached { return true }
        do {
            try await transaction { connection in
                try connection.executeScript("SET LOCAL lock_timeout = '200ms'")
                try connection.execute(table.attachSQL)
            }
            return true
        } catch let error as PostgresError {
            guard mayTryAgain, error.sqlState == .lockNotAvailable else { throw error }
            return false
        }
    }
}
