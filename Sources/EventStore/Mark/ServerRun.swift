package import Postgres
internal import Refold

/// The time between two recoveries of a server, and what distinguishes it from others.
///
/// In a crash, positions that were drawn and not committed are forgotten and drawn once more, so what was learnt of
/// them must be forgotten too. The server's start time alone does not show it: when a backend is killed, the server
/// recovers and keeps it. The row of the UNLOGGED table `refold.server_run` is gone then.
package struct ServerRun: Sendable, Hashable {
    /// `pg_postmaster_start_time()`, in microseconds since 2000-01-01 UTC.
    package let startedAt: Int64
    /// The id in `refold.server_run`; nil where there is no such table or this role may not write it. Then a crash
    /// shows only in the sessions that it ends.
    package let id: String?
    /// The timeline that the server writes; 0 where it is not known.
    package let timeline: Int64

    /// A run from what identifies it.
    package init(startedAt: Int64, id: String? = nil, timeline: Int64 = 0) {
        self.startedAt = startedAt
        self.id = id
        self.timeline = timeline
    }

    /// Asks for the present run of a primary; names it if it was not named since the last recovery.
    package static func current(on connection: isolated PostgresConnection) throws(EventStoreError) -> ServerRun {
        do {
            let isNamed = try connection.query(namingSQL).bool(0, 0)
            let columns = columnsSQL(isNamed: isNamed)
            var run = try ServerRun(try connection.query("SELECT \(columns)"), column: 0)
            guard isNamed, run.id == nil else { return run }
            try connection.execute("INSERT INTO refold.server_run DEFAULT VALUES ON CONFLICT DO NOTHING")
            run = try ServerRun(try connection.query("SELECT \(columns)"), column: 0)
            return run
        } catch {
            throw .database("asking for the server's run", error)
        }
    }

    /// Three columns for ``init(_:column:)``.
    ///
    /// - Parameter isNamed: whether the table with the id is to be read.
    static func columnsSQL(isNamed: Bool) -> String {
        """
        pg_postmaster_start_time(),
        ('x' || lpad(left(pg_walfile_name(pg_current_wal_lsn()), 8), 16, '0'))::bit(64)::bigint,
        \(isNamed ? "(SELECT r.id::text FROM refold.server_run r)" : "NULL::text")
        """
    }

    /// A run from the first row of a result.
    init(_ rows: PostgresResult, column: Int) throws(PostgresError) {
        startedAt = try rows.timestamp(0, column)
        timeline = try rows.int64(0, column + 1)
        id = try rows.isNull(0, column + 2) ? nil : rows.text(0, column + 2)
    }

    /// An SQL condition: this run is not over. A statement that must not do its work in another one states it itself:
    /// behind a pooler not even the session is lost.
    package var isCurrentSQL: String {
        let started =
            "(extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint = \(startedAt + Timestamp.microsecondsSince1970)"
        guard let id else { return started }
        return "\(started) AND EXISTS (SELECT FROM refold.server_run r WHERE r.id = \(quoteLiteral(id)))"
    }

    /// Whether the role may read and write the table; false where there is none.
    private static let namingSQL = """
        SELECT coalesce(
            (SELECT CASE WHEN has_schema_privilege(n.oid, 'USAGE')
                         THEN has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT') END
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = 'refold' AND c.relname = 'server_run'),
            false
        ) AND NOT current_setting('transaction_read_only')::boolean
        """
}

extension EventStoreError {
    /// The server has recovered from a crash, or another has taken its place, since the store was inspected.
    static let serverRunIsOver = EventStoreError.storeChanged("the server has recovered or another has taken its place")
}
