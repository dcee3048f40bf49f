internal import Postgres
package import Refold

/// The views that readers use.
extension PostgresConnection {
    /// Makes the views show the tables of the projection's present shape. Part of the pointing transaction.
    ///
    /// A view with the same columns, or with more at the end, is replaced in place, which keeps its grants and whatever
    /// stands on it. Other changes need the view to be made anew.
    ///
    /// A view that changes is locked against its readers. One that keeps it in an open transaction fails the attempt
    /// soon, with ``EngineError/Code/locked``, instead of holding up all who come behind.
    ///
    /// Views of tables that the projection has no more are dropped.
    package func showTables(of projection: any Projection) throws {
        for table in projection.model.tables where table.isPublic {
            guard try !shows(table) else { continue }
            let view = table.quotedView
            try changing(view, of: projection.name) {
                let restoring = try query(Self.restoringSQL, [.text(view), .textArray(table.publicColumns)])
                try executeScript("SAVEPOINT replacing")
                do {
                    try executeScript(table.createViewSQL(of: projection.name))
                    // All that a view loses when it is replaced.
                    try restore(restoring, .options, of: table, projection.name)
                } catch {
                    guard (error as? PostgresError)?.sqlState == .invalidTableDefinition else { throw error }
                    try executeScript("ROLLBACK TO replacing")
                    try dropView(view, projection.name, because: "the columns of \(view) change")
                    try executeScript(table.createViewSQL(of: projection.name))
                    try restore(restoring, of: table, projection.name)
                }
                try grantParent(of: table)
            }
        }
        for view in try removedViews(of: projection) {
            try changing(view, of: projection.name) {
                try dropView(view, projection.name, because: "\(projection.name) has no table for \(view) any more")
            }
        }
    }

    /// Changes a view, waiting for its readers only briefly.
    ///
    /// - Throws: ``EngineError/Code/locked`` naming who keeps the view.
    private func changing(_ view: String, of projection: ProjectionName, _ change: () throws -> Void) throws {
        try executeScript("SET LOCAL lock_timeout = '200ms'; SAVEPOINT view")
        do {
            try change()
        } catch {
            guard (error as? PostgresError)?.sqlState == .lockNotAvailable else { throw error }
            // The transaction is to fail; asking who is in the way needs one that has not.
            try executeScript("ROLLBACK TO view")
            let holders = try query(Self.holdersSQL, [.text(view)]).rows.map { try $0.text(0) }
            throw EngineError(
                .locked,
                projection: projection,
                "the view \(view) has to change and open transactions keep it"
                    + (holders.isEmpty ? "" : ": " + holders.joined(separator: ", ")),
                remedy: "end them, or try again later"
            )
        }
        try executeScript("RELEASE view; SET LOCAL lock_timeout = DEFAULT")
    }

    /// Who holds a lock on a view $1, in words.
    private static let holdersSQL = """
        SELECT DISTINCT concat('pid ', l.pid, ' (' || nullif(a.application_name, '') || ')')
          FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
         WHERE l.locktype = 'relation' AND l.relation = to_regclass($1) AND l.granted AND l.pid <> pg_backend_pid()
           AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        """

    /// The views that show tables which the projection no longer has, or no longer shows, quoted: those that read the
    /// rows of its live generation, from a parent that is called like them.
    ///
    /// Ours first, as a step of its own: the server would else be free to write out the definitions of all of its system's
    /// views, which takes 50 ms, to find out last that they are not in our schema.
    private func removedViews(of projection: any Projection) throws -> [String] {
        try query(
            """
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
            """,
            [.text(projection.name.rawValue), .textArray(projection.model.tables.filter(\.isPublic).map(\.name))]
        ).rows.map { try $0.text(0) }
    }

    /// - Throws: ``EngineError/Code/identityDiffers`` when a generation's tables have another shape than the projection's
    ///   have now, so that its views would not show them.
    func requireShape(of generation: Generation, _ projection: any Projection) throws {
        for table in generation.tables(of: projection) {
            let isElsewhere = try query(
                """
                SELECT EXISTS (
                    SELECT FROM pg_inherits WHERE inhrelid = to_regclass($1) AND inhparent <> to_regclass($2)
                )
                """,
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

    /// Whether the view reads the table's parent already and has its public columns.
    private func shows(_ table: TableDefinition) throws -> Bool {
        try query(
            """
            SELECT EXISTS (
                SELECT FROM pg_rewrite r JOIN pg_depend d ON d.objid = r.oid AND d.classid = 'pg_rewrite'::regclass
                 WHERE r.ev_class = to_regclass($1) AND d.refobjid = to_regclass($2)
            ) AND $3::text[] = ARRAY(
                SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 ORDER BY attnum
            )
            """,
            [.text(table.quotedView), .text(table.quotedParent), .textArray(table.publicColumns)]
        ).bool(0, 0)
    }

    /// Lets the view's owner read the parent, where that is another role: a view reads with its owner's rights.
    private func grantParent(of table: TableDefinition) throws {
        let grants = try query(
            """
            SELECT format('GRANT SELECT ON %s TO %I', $2, pg_get_userbyid(v.relowner)) FROM pg_class v, pg_class p
             WHERE v.oid = to_regclass($1) AND p.oid = to_regclass($2) AND v.relowner <> p.relowner
            """,
            [.text(table.quotedView), .text(table.quotedParent)]
        )
        for row in grants.rows { try executeScript(try row.text(0)) }
    }

    /// - Throws: ``EngineError/Code/blocked`` naming what of others stands on the view; nothing is changed then.
    private func dropView(_ view: String, _ projection: ProjectionName, because reason: String) throws {
        do {
            try executeScript("DROP VIEW \(view)")
        } catch {
            guard error.sqlState == .dependentObjectsStillExist else { throw error }
            throw EngineError(
                .blocked,
                projection: projection,
                "\(reason) and other objects stand on it: "
                    + (error.detail ?? error.message).replacing("\n", with: ", "),
                remedy: "drop them, run this again, and create them anew"
            )
        }
    }

    // MARK: What a view has beside its query

    private enum Property: Int32 {
        case owner = 1
        case options, grants, comments, triggers
    }

    /// Gives a view back what it had.
    ///
    /// - Throws: ``EngineError/Code/blocked`` naming a trigger or rule that the view's new columns do not allow.
    private func restore(
        _ statements: PostgresResult,
        _ property: Property? = nil,
        of table: TableDefinition,
        _ projection: ProjectionName
    ) throws {
        for row in statements.rows {
            let found = try row.int32("property")
            if let property, found != property.rawValue { continue }
            let statement = try row.text("statement")
            do {
                try executeScript(statement)
            } catch {
                guard found == Property.triggers.rawValue, error.sqlState?.category == .syntaxErrorOrAccessRuleViolation
                else { throw error }
                throw EngineError(
                    .blocked,
                    projection: projection,
                    "the columns of \(table.quotedView) change and this cannot stay on it: \(statement)",
                    remedy: "drop it, run this again, and create it anew"
                )
            }
        }
    }

    /// Statements that give a view $1 what it has now, as far as it has the columns $2 then; the owner first, who else
    /// would have the rights that were granted before.
    private static let restoringSQL = """
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
