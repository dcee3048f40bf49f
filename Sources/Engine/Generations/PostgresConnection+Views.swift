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
    /// soon, with `lock_not_available`, instead of holding up all who come behind.
    package func showTables(of projection: any Projection) throws {
        for table in projection.model.tables where table.isPublic {
            guard try !shows(table) else { continue }
            let restoring = try query(Self.restoringSQL, [.text(table.quotedView), .textArray(table.publicColumns)])
            try executeScript("SET LOCAL lock_timeout = '200ms'; SAVEPOINT view")
            do {
                try executeScript(table.createViewSQL(of: projection.name))
                // All that a view loses when it is replaced.
                try restore(restoring, only: .options)
            } catch {
                guard error.sqlState == "42P16" else { throw error }
                try executeScript("ROLLBACK TO view")
                try dropView(of: table, projection.name)
                try executeScript(table.createViewSQL(of: projection.name))
                try restore(restoring)
            }
            try grantParent(of: table)
            try executeScript("RELEASE view; SET LOCAL lock_timeout = DEFAULT")
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
    private func dropView(of table: TableDefinition, _ projection: ProjectionName) throws {
        do {
            try executeScript("DROP VIEW \(table.quotedView)")
        } catch {
            guard error.sqlState == "2BP01" else { throw error }
            throw EngineError(
                .blocked,
                projection: projection,
                "the columns of \(table.quotedView) change and other objects stand on it: "
                    + (error.detail ?? error.message).replacing("\n", with: ", "),
                remedy: "drop them, run this again, and create them anew"
            )
        }
    }

    // MARK: What a view has beside its query

    private enum Property: Int32 {
        case owner = 1
        case options, grants, comments
    }

    /// Gives a view back what it had.
    private func restore(_ statements: PostgresResult, only property: Property? = nil) throws(PostgresError) {
        for row in statements.rows {
            if let property, try row.int32("property") != property.rawValue { continue }
            try executeScript(try row.text("statement"))
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
        ORDER BY property
        """
}
