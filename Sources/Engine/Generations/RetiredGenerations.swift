internal import Logging
internal import Postgres

/// Dropping generations that were left behind.
extension PostgresConnection {
    /// Drops generations that were left behind, as far as nobody can see them any more. What cannot be dropped now is
    /// left for the next time.
    ///
    /// - Returns: the generations that are still there, with the reason.
    package func dropRetired() async throws -> [LeftGeneration] {
        var left: [LeftGeneration] = []
        for row in try query(Self.retiredSQL).rows {
            let generation = GenerationNumber(try row.int64("generation"))
            if try row.bool("is_visible") {
                left.append(.init(generation, "a transaction that began before is still open"))
            } else if let obstacle = try await drop(generation) {
                left.append(obstacle)
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
    /// - Returns: why that cannot be done now; nil when it is done, or no longer to be done.
    private func drop(_ generation: GenerationNumber) async throws -> LeftGeneration? {
        if let ownership = try ownership(of: generation), ownership.seemsAlive {
            return .init(generation, "a live process owns it")
        }
        // Before anything is detached: a partition that others depend on stays where it is.
        if let dependents = try dependents(on: generation) { return .init(generation, dependedOnBy: dependents) }
        do {
            // The list is older than the lock, and an uncommitted move of the pointer is waited for here.
            let isRetired = try await transaction { connection in
                try connection.executeScript("SET LOCAL lock_timeout = '200ms'")
                return try connection.lockRetired(generation)
            }
            guard isRetired else { return nil }
            let tables = try tables(of: generation)
            for table in tables {
                guard let parent = table.parent else { continue }
                // CONCURRENTLY takes no lock that readers of the parent feel; an interrupted one is finished.
                try await detach(table, from: parent)
            }
            // Tables and bookkeeping go together, and only if the generation is still nobody's.
            try await transaction { connection in
                try connection.executeScript("SET LOCAL lock_timeout = '200ms'; SET LOCAL statement_timeout = '2s'")
                guard try connection.lockRetired(generation) else { return }
                // Each statement goes through all of the server's buffers once.
                let names = tables.map(\.name).joined(separator: ", ")
                if !names.isEmpty { try connection.executeScript("DROP TABLE \(names)") }
                try connection.execute(
                    "DELETE FROM refold.generations WHERE generation = $1",
                    [.int64(generation.rawValue)]
                )
            }
            return nil
        } catch let error as PostgresError {
            switch error.sqlState {
            case .lockNotAvailable, .queryCanceled: return .init(generation, "someone still uses its tables")
            // A parent has one detaching under way at most.
            case .objectNotInPrerequisiteState:
                return .init(generation, "another generation's detaching is to be finished first")
            // Made after the look above.
            case .dependentObjectsStillExist:
                return .init(generation, dependedOnBy: try dependents(on: generation) ?? error.message)
            default:
                guard error.code == .server, !error.isTransient else { throw error }
                return .init(generation, "\(error)", needsHelp: true)
            }
        }
    }

    /// CONCURRENTLY takes no lock that readers of the parent feel, and waits for older snapshots; an interrupted one is
    /// finished. It goes into no transaction, so its time limits are the session's: behind a pooler, which has none to
    /// lend, the parent is locked for as short a moment as can be.
    private func detach(_ table: Table, from parent: String) async throws {
        let statement = "ALTER TABLE \(parent) DETACH PARTITION \(table.name)"
        if isPooled || table.isDetaching {
            try await transaction { connection in
                try connection.executeScript("SET LOCAL lock_timeout = '200ms'; SET LOCAL statement_timeout = '2s'")
                try connection.executeScript(table.isDetaching ? statement + " FINALIZE" : statement)
            }
            return
        }
        try executeScript("SET lock_timeout = '200ms'; SET statement_timeout = '2s'")
        defer { try? executeScript("SET lock_timeout = 0; SET statement_timeout = 0") }
        try executeScript(statement + " CONCURRENTLY")
    }

    /// Whether a generation is still to be dropped; if so, it stays so until the end of the transaction.
    private func lockRetired(_ generation: GenerationNumber) throws -> Bool {
        try !query(
            """
            SELECT FROM refold.generations g WHERE generation = $1 AND state = 'retired'
               AND NOT EXISTS (SELECT FROM refold.projections p WHERE g.generation IN (p.live, p.kept))
            FOR UPDATE
            """,
            [.int64(generation.rawValue)]
        ).isEmpty
    }

    private struct Table {
        let name: String
        /// The table that it is a partition of.
        let parent: String?
        let isDetaching: Bool
    }

    private func tables(of generation: GenerationNumber) throws -> [Table] {
        try query(
            """
            SELECT c.oid::regclass::text AS name, i.inhparent::regclass::text AS parent,
                   coalesce(i.inhdetachpending, false) AS is_detaching
              FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
             WHERE c.relnamespace = 'refold_data'::regnamespace AND c.relkind = 'r'
               AND c.relname ~ ('_g' || $1 || '(_versions)?$')
            """,
            [.text(generation.description)]
        ).rows.map { row in
            Table(
                name: try row.text("name"),
                parent: try row.optionalText("parent"),
                isDetaching: try row.bool("is_detaching")
            )
        }
    }

    /// What others have made on a generation's own tables, such as views: dropping the tables would take it along.
    ///
    /// What goes with a table, its constraints and policies, depends on it automatically or internally.
    ///
    /// - Returns: their names; nil when there is nothing.
    package func dependents(on generation: GenerationNumber) throws -> String? {
        try query(
            """
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
            """,
            [.text(generation.description)]
        ).rows.first?.optionalText(0)
    }
}

/// A generation that is to be dropped and could not be yet.
package struct LeftGeneration: Sendable {
    package let number: GenerationNumber
    package let reason: String
    /// Nothing drops it before somebody does something about the reason.
    package let needsHelp: Bool

    init(_ number: GenerationNumber, _ reason: String, needsHelp: Bool = false) {
        self.number = number
        self.reason = reason
        self.needsHelp = needsHelp
    }

    init(_ number: GenerationNumber, dependedOnBy dependents: String) {
        self.init(number, Self.reason(dependents), needsHelp: true)
    }

    /// Why a generation stays on whose tables others depend.
    static func reason(_ dependents: String) -> String { "its tables cannot be dropped because of \(dependents)" }
}

extension Engine {
    /// Drops what nobody can see any more, and warns of what stays until somebody does something about it; the rest waits
    /// for the next time. It is no failure of what has left it behind.
    ///
    /// - Parameter isLast: nobody tries again soon, who would give the same warnings.
    func dropRetired(isLast: Bool = true) async {
        do {
            for left in try await withConnection(for: "drop", { try await $0.dropRetired() }) {
                logger.log(
                    level: left.needsHelp && isLast ? .warning : .debug,
                    "a generation that was left behind could not be dropped",
                    metadata: ["generation": "\(left.number)", "cause": "\(left.reason)"]
                )
            }
        } catch {
            logger.warning("retired generations were not dropped", metadata: ["cause": "\(error)"])
        }
    }
}
