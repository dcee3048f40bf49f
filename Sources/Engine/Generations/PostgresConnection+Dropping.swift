internal import Postgres

/// Dropping generations that were left behind.
extension PostgresConnection {
    /// Drops generations that were left behind, as far as nobody can see them any more. What cannot be dropped now is
    /// left for the next time.
    ///
    /// - Returns: the generations that are still there, with the reason.
    package func dropRetired() throws -> [LeftGeneration] {
        var left: [LeftGeneration] = []
        for row in try query(Self.retiredSQL).rows {
            let generation = try row.int64("generation")
            if try row.bool("is_visible") {
                left.append(.init(number: generation, reason: "a transaction that began before is still open"))
            } else if let reason = try drop(generation) {
                left.append(.init(number: generation, reason: reason))
            }
        }
        return left
    }

    /// A snapshot that does not see the pointer's move may still read the generation that was left. It takes that
    /// transaction for one that is running or yet to come, so its xmin is not above it. Every role may see xmin and
    /// database of others' sessions, unlike their kind and the time at which their transactions began. Who has a
    /// snapshot and no database is a walsender, for the snapshots of a standby.
    private static let retiredSQL = """
        SELECT g.generation,
               EXISTS (SELECT FROM pg_stat_activity a
                        WHERE (a.datname = current_database() AND coalesce(a.backend_type, '') IN ('', 'client backend')
                               OR a.datname IS NULL)
                          AND a.pid <> pg_backend_pid() AND a.backend_xmin IS NOT NULL
                          AND pg_snapshot_xmax(pg_current_snapshot())::text::bigint - age(a.backend_xmin)
                              <= g.left_xid::text::bigint) AS is_visible
          FROM refold.generations g WHERE g.state = 'retired' ORDER BY g.generation
        """

    /// Drops a generation's tables and its rows in the bookkeeping.
    ///
    /// - Returns: why that cannot be done now; nil when it is done.
    private func drop(_ generation: Int64) throws -> String? {
        if let ownership = try ownership(of: generation), ownership.seemsAlive { return "a live process owns it" }
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
        do {
            for row in tables.rows {
                guard let parent = try row.optionalText("parent") else { continue }
                // CONCURRENTLY takes no lock that readers of the parent feel; an interrupted one is finished.
                let how = try row.bool("inhdetachpending") ? "FINALIZE" : "CONCURRENTLY"
                try executeScript("ALTER TABLE \(parent) DETACH PARTITION \(row.text("name")) \(how)")
            }
            // Each statement goes through all of the server's buffers once.
            let names = try tables.rows.map { try $0.text("name") }
            if !names.isEmpty { try executeScript("DROP TABLE \(names.joined(separator: ", "))") }
        } catch let error as PostgresError {
            switch error.sqlState {
            case "55P03", "57014": return "someone still uses its tables"
            // A parent has one detaching under way at most.
            case "55000": return "another generation's detaching is to be finished first"
            default: throw error
            }
        }
        try execute("DELETE FROM refold.generations WHERE generation = $1", [.int64(generation)])
        return nil
    }
}

/// A generation that is to be dropped and could not be yet.
package struct LeftGeneration: Sendable {
    package let number: Int64
    package let reason: String
}
