public import Postgres
public import Refold

/// What is kept in `refold.logs` about each log that was read: how far, and which one it was.
public enum LogLedger {
    /// Compares the log with what is known of it.
    ///
    /// To be done at every connection, before the first read.
    ///
    /// - Returns: the stored mark, up to which a read needs no probe; `.zero` for a log that was never read.
    /// - Throws: `otherLog` or `logShrank`, with the remedy; `database`.
    public static func verify(
        _ connection: isolated PostgresConnection,
        _ store: InspectedStore
    ) throws(EventStoreError) -> GlobalPosition {
        guard let record = try load(connection, store.settings) else { return .zero }
        let newest: GlobalPosition
        do {
            newest = GlobalPosition(try connection.query(store.sequence.lastValueSQL).int64(0, 0))
        } catch {
            throw .database("reading the newest position", error)
        }
        try record.check(store.identity, lastValue: newest)
        return record.mark
    }

    /// The stored mark where it is known to be one of this log, and zero otherwise: for readers that keep no checkpoint
    /// and so have nothing to lose but time.
    static func knownMark(
        _ connection: isolated PostgresConnection,
        _ store: InspectedStore
    ) throws(EventStoreError) -> GlobalPosition {
        do throws(EventStoreError) {
            return try verify(connection, store)
        } catch {
            // Another log than the one that was folded; or nothing was ever folded, or not by this role.
            let states = ["42P01", "3F000", "42501"]
            let isUnknown = (error.cause as? PostgresError)?.sqlState.map { states.contains($0) } ?? false
            guard isUnknown || error.code == .otherLog || error.code == .logShrank else { throw error }
            return .zero
        }
    }

    /// What is known of a log; nil when it was never read.
    public static func load(
        _ connection: isolated PostgresConnection,
        _ settings: EventStoreSettings
    ) throws(EventStoreError) -> LogRecord? {
        do {
            let row = try connection.query(
                """
                SELECT mark, system_identifier, timeline, database_oid, events_oid FROM refold.logs WHERE log = $1
                """,
                [.text(settings.log)]
            )
            guard !row.isEmpty else { return nil }
            return LogRecord(
                mark: GlobalPosition(try row.int64(0, "mark")),
                identity: LogIdentity(
                    systemIdentifier: try row.isNull(0, "system_identifier") ? nil : row.int64(0, "system_identifier"),
                    timeline: try row.int64(0, "timeline"),
                    database: UInt32(truncatingIfNeeded: try row.int64(0, "database_oid")),
                    eventsTable: UInt32(truncatingIfNeeded: try row.int64(0, "events_oid"))
                )
            )
        } catch {
            throw .database("reading what is known of the log", error)
        }
    }

    /// The statement that notes down a mark, to be run in any transaction; it never lowers one.
    ///
    /// Storing is what lets `HighWaterMarkProbe.store` and a later rebuild rely on the mark.
    public static func storing(_ mark: GlobalPosition, of store: InspectedStore) -> PostgresStatement {
        PostgresStatement(
            """
            INSERT INTO refold.logs AS l (log, mark, system_identifier, timeline, database_oid, events_oid)
            VALUES ($1, $2, $3, $4, $5::bigint::oid, $6::bigint::oid)
            ON CONFLICT (log) DO UPDATE
            SET mark = greatest(l.mark, excluded.mark), events_oid = excluded.events_oid, recorded_at = now()
            """,
            values(mark, store)
        )
    }

    /// The statement that takes the log as it is now for the right one, whatever was known before: for a rebuild, which
    /// reads all of it again.
    public static func adopting(_ mark: GlobalPosition, of store: InspectedStore) -> PostgresStatement {
        PostgresStatement(
            """
            INSERT INTO refold.logs AS l (log, mark, system_identifier, timeline, database_oid, events_oid)
            VALUES ($1, $2, $3, $4, $5::bigint::oid, $6::bigint::oid)
            ON CONFLICT (log) DO UPDATE
            SET mark = excluded.mark, system_identifier = excluded.system_identifier, timeline = excluded.timeline,
                database_oid = excluded.database_oid, events_oid = excluded.events_oid, recorded_at = now()
            """,
            values(mark, store)
        )
    }

    private static func values(_ mark: GlobalPosition, _ store: InspectedStore) -> [PostgresValue] {
        [
            .text(store.settings.log), .int64(mark.rawValue),
            store.identity.systemIdentifier.map { .int64($0) } ?? .null, .int64(store.identity.timeline),
            .int64(Int64(store.identity.database)), .int64(Int64(store.identity.eventsTable)),
        ]
    }
}

extension PositionSequence {
    /// The newest position drawn. Before the first nextval, and after setval(…, false), what stands in `last_value` is
    /// the next position.
    ///
    /// While nextval writes its log record, the sequence's row shows the last of the 32 numbers that it logs ahead, and
    /// a SELECT from the sequence sees that: a mark taken from it would pass numbers that are yet to be drawn.
    /// `pg_sequence_last_value` waits for nextval to finish; it is null where nothing was drawn, and only then, looked at
    /// after the row was read, the row is what it seems. It takes the lock that writers take, until the end of the
    /// transaction: whoever looks for holders must leave its own session out.
    /// https://github.com/postgres/postgres/blob/REL_15_STABLE/src/backend/commands/sequence.c (nextval_internal)
    package var lastValueSQL: String {
        """
        WITH found AS MATERIALIZED (SELECT last_value - 1 AS before_next FROM \(quoteIdentifier(schema, name)))
        SELECT coalesce(pg_sequence_last_value(\(oid)::oid), before_next), pg_postmaster_start_time() FROM found
        """
    }
}
