public import Postgres

/// Inspects an event store, on the connection that is going to read it.
public enum StoreInspection {
    /// Finds out whether the store can be read without ever skipping an event.
    ///
    /// Done at every connection: it may lead to another server than the one before, and tables and rights change. It
    /// takes a few milliseconds and changes nothing, except that it names the server run.
    ///
    /// - Throws: `EventStoreError`, with a code of its own for each reason.
    package static func inspect(
        _ connection: isolated PostgresConnection,
        _ settings: EventStoreSettings
    ) throws(EventStoreError) -> ValidatedStore {
        try settings.validate()
        do {
            var catalog = StoreCatalog(server: try server(connection))
            // A standby is refused without further questions: its timeline, for one, cannot be determined.
            guard !catalog.server.isInRecovery, let table = try table(connection, settings) else {
                return try catalog.judge(settings)
            }
            catalog.server.run = try ServerRun.current(on: connection)
            catalog.table = table
            catalog.columns = try columns(connection, table.oid)
            catalog.sequences = try sequences(connection, table.oid)
            var store = try catalog.judge(settings)
            // Asked only now that the table is known to be readable and indexed. The lowest position, rather than
            // whether one is below 1: in a table that was never analysed the planner expects a third of the rows to be,
            // and reads it all.
            let below = try connection.query(
                """
                SELECT coalesce((SELECT e.global_position FROM \(settings.events) e ORDER BY e.global_position LIMIT 1) < 1,
                                false)
                """
            )
            if try below.bool(0, 0) {
                catalog.table?.holdsPositionBelowOne = true
                store = try catalog.judge(settings)
            }
            return store
        } catch let error as EventStoreError {
            throw error
        } catch let error as PostgresError {
            throw .database("inspecting the event store", error)
        } catch {
            throw EventStoreError(.database, "inspecting the event store failed: \(error)", cause: error)
        }
    }

    /// Finds out whether streams can be read and written one by one, which takes more than reading all events in order:
    /// the columns that `refold migrate` makes.
    ///
    /// - Throws: `EventStoreError` naming the first column that is missing or of another type.
    public static func requireStreams(
        _ connection: isolated PostgresConnection,
        _ settings: EventStoreSettings
    ) throws(EventStoreError) {
        try settings.validate()
        do {
            guard let table = try table(connection, settings) else {
                throw EventStoreError.noEventsTable("\(settings.schema).\(settings.eventsTable)")
            }
            try StoreCatalog.validateStreams(
                "\(settings.schema).\(settings.eventsTable)",
                try columns(connection, table.oid)
            )
        } catch let error as EventStoreError {
            throw error
        } catch let error as PostgresError {
            throw .database("inspecting the event store", error)
        } catch {
            throw EventStoreError(.database, "inspecting the event store failed: \(error)", cause: error)
        }
    }

    // MARK: Statements

    /// `pg_walfile_name` gives the timeline that is written now; the control file has the one of the last checkpoint.
    private static let serverSQL = """
        SELECT pg_is_in_recovery() AS in_recovery,
               pg_postmaster_start_time() AS started_at,
               CASE WHEN NOT pg_is_in_recovery()
                    THEN ('x' || lpad(left(pg_walfile_name(pg_current_wal_lsn()), 8), 16, '0'))::bit(64)::bigint
               END AS timeline,
               (SELECT oid FROM pg_database WHERE datname = current_database()) AS database,
               has_function_privilege('pg_control_system()', 'EXECUTE') AS may_ask_identifier,
               current_user::text AS role, current_setting('server_encoding') AS encoding
        """

    private static let tableSQL = """
        SELECT c.oid, c.relkind::text AS kind, row_security_active(c.oid) AS hides_rows,
               EXISTS (
                   SELECT FROM pg_index i
                   JOIN pg_class x ON x.oid = i.indexrelid
                   JOIN pg_am m ON m.oid = x.relam
                   JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
                   WHERE i.indrelid = c.oid AND a.attname = 'global_position'
                     AND i.indisvalid AND i.indpred IS NULL AND m.amname = 'btree'
               ) AS has_position_index,
               (
                   SELECT s.subname::text FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = r.srsubid
                   WHERE r.srrelid = c.oid OR r.srrelid IN (SELECT relid FROM pg_partition_tree(c.oid))
                   ORDER BY 1 LIMIT 1
               ) AS subscription
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relname = $2
        """

    private static let columnsSQL = """
        SELECT a.attname::text AS name, format_type(a.atttypid, NULL) AS type, a.attidentity::text AS identity,
               a.attgenerated <> '' AS is_generated,
               has_column_privilege(a.attrelid, a.attnum, 'SELECT')
                   AND has_schema_privilege(c.relnamespace, 'USAGE') AS is_readable,
               pg_get_expr(d.adbin, d.adrelid) AS default_expression
        FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = $1::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped
        """

    /// The sequences that the default of the position calls, owned by the column or not, and that of an identity
    /// column.
    private static let sequencesSQL = """
        SELECT s.oid, n.nspname::text AS schema, s.relname::text AS name, q.seqcache AS cache,
               q.seqincrement AS increment, q.seqcycle AS cycles,
               has_sequence_privilege(s.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE') AS is_readable
        FROM (\(usedSQL(by: "$1::bigint::oid"))) used
        JOIN pg_class s ON s.oid = used.oid AND s.relkind = 'S'
        JOIN pg_namespace n ON n.oid = s.relnamespace
        JOIN pg_sequence q ON q.seqrelid = s.oid
        """

    private static func usedSQL(by table: String) -> String {
        """
        SELECT d.refobjid AS oid
        FROM pg_attribute a
        JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
        JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
                        AND d.refclassid = 'pg_class'::regclass
        WHERE a.attrelid = \(table) AND a.attname = 'global_position'
        UNION
        SELECT d.objid
        FROM pg_attribute a
        JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid
                        AND d.refobjsubid = a.attnum AND d.classid = 'pg_class'::regclass AND d.deptype = 'i'
        WHERE a.attrelid = \(table) AND a.attname = 'global_position' AND a.attidentity <> ''
        """
    }

    /// One row with whether the table and its sequence are still those of an inspection; none when the table is gone.
    static func placeStatement(_ store: ValidatedStore) -> PostgresStatement {
        // Sequences alone: the default also depends on its own column, on the type, and on functions.
        PostgresStatement(
            """
            SELECT c.oid = $3::bigint::oid AND ARRAY[$4::bigint::oid] = ARRAY(
                SELECT used.oid FROM (\(usedSQL(by: "c.oid"))) used JOIN pg_class s ON s.oid = used.oid AND s.relkind = 'S'
            )
            FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2
            """,
            [
                .text(store.settings.schema), .text(store.settings.eventsTable),
                .int64(Int64(store.identity.eventsTable)), .int64(Int64(store.sequence.oid)),
            ]
        )
    }

    // MARK: Answers

    private static func server(_ connection: isolated PostgresConnection) throws -> StoreCatalog.Server {
        let row = try connection.query(serverSQL)
        var identifier: Int64?
        if try row.bool(0, "may_ask_identifier") {
            identifier = try connection.query("SELECT system_identifier FROM pg_control_system()").int64(0, 0)
        }
        return StoreCatalog.Server(
            version: connection.serverVersion,
            isInRecovery: try row.bool(0, "in_recovery"),
            run: ServerRun(startedAt: try row.timestamp(0, "started_at")),
            systemIdentifier: identifier,
            timeline: try row.isNull(0, "timeline") ? 0 : row.int64(0, "timeline"),
            database: UInt32(truncatingIfNeeded: try row.int64(0, "database")),
            role: try row.text(0, "role"),
            encoding: try row.text(0, "encoding")
        )
    }

    private static func table(
        _ connection: isolated PostgresConnection,
        _ settings: EventStoreSettings
    ) throws -> StoreCatalog.Table? {
        let row = try connection.query(tableSQL, [.text(settings.schema), .text(settings.eventsTable)])
        guard !row.isEmpty else { return nil }
        return StoreCatalog.Table(
            oid: UInt32(truncatingIfNeeded: try row.int64(0, "oid")),
            kind: try row.text(0, "kind"),
            hidesRows: try row.bool(0, "hides_rows"),
            hasPositionIndex: try row.bool(0, "has_position_index"),
            subscription: try row.isNull(0, "subscription") ? nil : row.text(0, "subscription")
        )
    }

    private static func columns(
        _ connection: isolated PostgresConnection,
        _ table: UInt32
    ) throws -> [StoreCatalog.Column] {
        let rows = try connection.query(columnsSQL, [.int64(Int64(table))])
        return try (0..<rows.count).map { row in
            StoreCatalog.Column(
                name: try rows.text(row, "name"),
                type: try rows.text(row, "type"),
                identity: try rows.text(row, "identity"),
                isGenerated: try rows.bool(row, "is_generated"),
                isReadable: try rows.bool(row, "is_readable"),
                defaultExpression: try rows.isNull(row, "default_expression")
                    ? nil : rows.text(row, "default_expression")
            )
        }
    }

    private static func sequences(
        _ connection: isolated PostgresConnection,
        _ table: UInt32
    ) throws -> [StoreCatalog.Sequence] {
        let rows = try connection.query(sequencesSQL, [.int64(Int64(table))])
        return try (0..<rows.count).map { row in
            StoreCatalog.Sequence(
                oid: UInt32(truncatingIfNeeded: try rows.int64(row, "oid")),
                schema: try rows.text(row, "schema"),
                name: try rows.text(row, "name"),
                cache: try rows.int64(row, "cache"),
                increment: try rows.int64(row, "increment"),
                cycles: try rows.bool(row, "cycles"),
                isReadable: try rows.bool(row, "is_readable")
            )
        }
    }
}
