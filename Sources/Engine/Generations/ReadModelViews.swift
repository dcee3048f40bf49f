package import Postgres
package import Refold

/// The views that readers use, in schema `read_models`.
package struct ReadModelViews: Sendable {
    private let connection: PostgresConnection

    /// The views on a session, in a transaction of the caller's.
    package init(_ connection: PostgresConnection) { self.connection = connection }

    /// Creates the views of a projection that are missing. One that exists is left alone: it may stand for another shape, and
    /// changes only when the pointer moves.
    func add(of projection: any Projection) async throws {
        let tables = ReadModelTables(connection)
        for table in projection.model.tables where table.isPublic {
            if try await tables.exists(table.quotedView) { continue }
            try await connection.executeScript(table.createViewSQL(of: projection.name))
        }
    }

    /// Makes the views show the tables of the projection's present shape. Part of the pointing transaction.
    ///
    /// A view with the same columns, or with more at the end, is replaced in place, which keeps its grants and whatever
    /// depends on it. Other changes need the view to be recreated.
    ///
    /// A view that changes is locked against its readers. A reader that keeps it in an open transaction makes the
    /// attempt fail soon, with ``EngineError/Code/locked``, instead of holding up everything behind it.
    ///
    /// Views of tables that the projection no longer has are dropped.
    package func show(_ projection: any Projection) async throws {
        for table in projection.model.tables where table.isPublic {
            guard try await !shows(table) else { continue }
            try await changing(table.quotedView, of: projection.name) {
                try await replace(table, projection.name)
            }
        }
        for view in try await removedViews(of: projection) {
            try await changing(view, of: projection.name) {
                let reason = "\(projection.name) has no table for \(view) any more"
                try await dropView(view, projection.name, because: reason)
            }
        }
    }

    /// Replaces a view in place, or else recreates it.
    private func replace(_ table: TableDefinition, _ projection: ProjectionName) async throws {
        let view = table.quotedView
        let properties = try await self.properties(of: table)
        try await connection.executeScript("SAVEPOINT replacing")
        do {
            try await connection.executeScript(table.createViewSQL(of: projection))
            // All that a view loses when it is replaced.
            try await restore(properties.filter { $0.kind == .options }, of: table, projection)
        } catch {
            guard (error as? PostgresError)?.sqlState == .invalidTableDefinition else { throw error }
            try await connection.executeScript("ROLLBACK TO replacing")
            try await dropView(view, projection, because: "the columns of \(view) change")
            try await connection.executeScript(table.createViewSQL(of: projection))
            try await restore(properties, of: table, projection)
        }
        try await grantParent(of: table)
    }

    /// Changes a view, waiting for its readers only briefly.
    ///
    /// - Throws: ``EngineError/Code/locked`` naming the sessions that keep the view.
    private func changing(
        _ view: String,
        of projection: ProjectionName,
        _ change: () async throws -> Void
    ) async throws {
        try await connection.executeScript("SET LOCAL lock_timeout = '200ms'; SAVEPOINT view")
        do {
            try await change()
        } catch {
            guard (error as? PostgresError)?.sqlState == .lockNotAvailable else { throw error }
            // The transaction is to fail; asking which sessions are in the way needs one that has not.
            try await connection.executeScript("ROLLBACK TO view")
            let holders = try await connection.query(Statements.lockHolders, [.text(view)]).rows.map { try $0.text(0) }
            throw EngineError(
                .locked,
                projection: projection,
                "the view \(view) has to change and open transactions keep it"
                    + (holders.isEmpty ? "" : ": " + holders.joined(separator: ", ")),
                remedy: "end them, or try again later"
            )
        }
        try await connection.executeScript("RELEASE view; SET LOCAL lock_timeout = DEFAULT")
    }

    /// The views that show tables which the projection no longer has, or no longer shows, quoted.
    private func removedViews(of projection: any Projection) async throws -> [String] {
        try await connection.query(
            Statements.removedViews,
            [.text(projection.name.rawValue), .textArray(projection.model.tables.filter(\.isPublic).map(\.name))]
        ).rows.map { try $0.text(0) }
    }

    /// Whether the view reads the table's parent already and has its public columns.
    private func shows(_ table: TableDefinition) async throws -> Bool {
        try await connection.query(
            Statements.shows,
            [.text(table.quotedView), .text(table.quotedParent), .textArray(table.publicColumns)]
        ).bool(0, 0)
    }

    /// Lets the view's owner read the parent if that is another role: a view reads with its owner's rights.
    private func grantParent(of table: TableDefinition) async throws {
        let grants = try await connection.query(
            Statements.grantsOnParent,
            [.text(table.quotedView), .text(table.quotedParent)]
        )
        for row in grants.rows { try await connection.executeScript(try row.text(0)) }
    }

    /// - Throws: ``EngineError/Code/blocked`` naming the objects that depend on the view; nothing is changed then.
    private func dropView(_ view: String, _ projection: ProjectionName, because reason: String) async throws {
        do {
            try await connection.executeScript("DROP VIEW \(view)")
        } catch {
            guard error.sqlState == .dependentObjectsStillExist else { throw error }
            throw EngineError(
                .blocked,
                projection: projection,
                "\(reason) and other objects stand on it: "
                    + (error.detail ?? error.message).replacing("\n", with: ", "),
                remedy: "drop them, run this again, and create them again"
            )
        }
    }

    // MARK: What a view has beside its query

    private struct Property: Sendable {
        enum Kind: Int32 {
            case owner = 1
            case options, grants, comments, triggers
        }

        let kind: Kind?
        /// Restores it on the view.
        let statement: String
    }

    private func properties(of table: TableDefinition) async throws -> [Property] {
        try await connection.query(
            Statements.properties,
            [.text(table.quotedView), .textArray(table.publicColumns)]
        ).rows.map { Property(kind: .init(rawValue: try $0.int32("property")), statement: try $0.text("statement")) }
    }

    /// Restores what a view had.
    ///
    /// - Throws: ``EngineError/Code/blocked`` naming a trigger or rule that the view's new columns do not allow.
    private func restore(
        _ properties: [Property],
        of table: TableDefinition,
        _ projection: ProjectionName
    ) async throws {
        for property in properties {
            do {
                try await connection.executeScript(property.statement)
            } catch {
                guard property.kind == .triggers, error.sqlState?.category == .syntaxErrorOrAccessRuleViolation else {
                    throw error
                }
                throw EngineError(
                    .blocked,
                    projection: projection,
                    "the columns of \(table.quotedView) change and this cannot stay on it: \(property.statement)",
                    remedy: "drop it, run this again, and create it again"
                )
            }
        }
    }
}

extension ReadModelViews {
    private enum Statements {
        /// The holders of a lock on a view $1, in words.
        static let lockHolders = """
            SELECT DISTINCT concat('pid ', l.pid, ' (' || nullif(a.application_name, '') || ')')
              FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
             WHERE l.locktype = 'relation' AND l.relation = to_regclass($1) AND l.granted AND l.pid <> pg_backend_pid()
               AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            """

        /// The views that read the rows of the live generation of projection $1, from a parent that is called like them, and
        /// are not among $2.
        ///
        /// Ours first, as a step of its own: the server would otherwise be free to write out the definitions of all of
        /// its system's views, which takes 50 ms, to find out last that they are not in our schema.
        static let removedViews = """
            WITH ours AS MATERIALIZED (
                SELECT oid, relname FROM pg_class
                 WHERE relnamespace = to_regnamespace('read_models') AND relkind = 'v' AND relname <> ALL ($2::text[])
            )
            SELECT format('%I.%I', 'read_models', v.relname) FROM ours v
             WHERE EXISTS (
                       SELECT FROM pg_rewrite r
                         JOIN pg_depend d ON d.objid = r.oid AND d.classid = 'pg_rewrite'::regclass
                         JOIN pg_class p ON p.oid = d.refobjid
                        WHERE r.ev_class = v.oid AND p.relnamespace = 'refold_data'::regnamespace
                          AND p.relname ~ '_[0-9a-f]{8}$' AND left(p.relname, -9) = v.relname
                   )
               AND substring(pg_get_viewdef(v.oid) FROM 'projections\\.name = ''([^'']*)''::text') = $1
             ORDER BY 1
            """

        static let shows = """
            SELECT EXISTS (
                SELECT FROM pg_rewrite r JOIN pg_depend d ON d.objid = r.oid AND d.classid = 'pg_rewrite'::regclass
                 WHERE r.ev_class = to_regclass($1) AND d.refobjid = to_regclass($2)
            ) AND $3::text[] = ARRAY(
                SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 ORDER BY attnum
            )
            """

        static let grantsOnParent = """
            SELECT format('GRANT SELECT ON %s TO %I', $2, pg_get_userbyid(v.relowner)) FROM pg_class v, pg_class p
             WHERE v.oid = to_regclass($1) AND p.oid = to_regclass($2) AND v.relowner <> p.relowner
            """

        /// Statements that give a view $1 what it has now, as far as it then has the columns $2; the owner first, who
        /// would otherwise get the rights that were granted before.
        static let properties = """
            SELECT 1 AS property, format('ALTER VIEW %s OWNER TO %I', $1, pg_get_userbyid(relowner)) AS statement
              FROM pg_class WHERE oid = to_regclass($1)
            UNION ALL
            SELECT 2, format('ALTER VIEW %s SET (%s)', $1, array_to_string(reloptions, ', ')) FROM pg_class
             WHERE oid = to_regclass($1) AND reloptions IS NOT NULL
            UNION ALL
            SELECT 3, format('GRANT %s ON %s TO %s%s', a.privilege_type, $1,
                             CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
                             CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
              FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = to_regclass($1) AND a.grantee <> c.relowner
            UNION ALL
            SELECT 3, format('GRANT %s (%I) ON %s TO %s%s', a.privilege_type, t.attname, $1,
                             CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
                             CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
              FROM pg_attribute t, aclexplode(t.attacl) a
             WHERE t.attrelid = to_regclass($1) AND t.attname::text = ANY ($2::text[])
            UNION ALL
            SELECT 4, format('COMMENT ON VIEW %s IS %L', $1, description) FROM pg_description
             WHERE objoid = to_regclass($1) AND classoid = 'pg_class'::regclass AND objsubid = 0
            UNION ALL
            SELECT 4, format('COMMENT ON COLUMN %s.%I IS %L', $1, t.attname, d.description)
              FROM pg_description d JOIN pg_attribute t ON t.attrelid = d.objoid AND t.attnum = d.objsubid
             WHERE d.objoid = to_regclass($1) AND d.classoid = 'pg_class'::regclass
               AND t.attname::text = ANY ($2::text[])
            UNION ALL
            SELECT 5, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = to_regclass($1) AND NOT tgisinternal
            UNION ALL
            SELECT 5, pg_get_ruledef(oid) FROM pg_rewrite WHERE ev_class = to_regclass($1) AND rulename <> '_RETURN'
            ORDER BY property
            """
    }
}
