package import Postgres
package import Refold

/// What is kept in schema `refold` about each log that was read: how far, where it was found, and some of its events.
///
/// A log is recognised by its events, not by its place: a promoted standby, an upgraded server and a restored dump have
/// the same. So another place is adopted, and recorded, as long as an anchor's event is there.
package enum LogIdentityStore {
    /// Compares the log with what is known of it. To be done at every connection, before the first read.
    ///
    /// - Parameter adopting: whether a change of place is written down; false for callers that only look.
    /// - Returns: nil for a log that was never read.
    /// - Throws: `otherLog` or `logShrank`, with the remedy; `database`.
    package static func verify(
        _ connection: isolated PostgresConnection,
        _ store: ValidatedStore,
        adopting: Bool = true
    ) throws(EventStoreError) -> KnownLog? {
        guard let record = try load(connection, store.settings) else { return nil }
        try record.checkLength(lastValue: try newest(connection, store))
        let verdict: AnchorVerdict
        do {
            verdict = try connection.verdict(of: store, log: record.id)
        } catch {
            throw .database("looking for the events by which the log is known", error)
        }
        if verdict == .nothing { try record.checkPlace(store.identity) }
        var notes = try connection.notes(on: verdict, store)
        if let moved = record.moved(to: store.identity) {
            notes.append(moved)
            if adopting { try move(record.id, to: store, on: connection) }
        }
        return KnownLog(id: record.id, mark: record.mark, notes: notes)
    }

    /// Compares the log with what is known of it, and starts a record of one that was never read.
    ///
    /// - Throws: as ``verify(_:_:adopting:)``.
    package static func open(
        _ connection: isolated PostgresConnection,
        _ store: ValidatedStore
    ) async throws(EventStoreError) -> KnownLog {
        if let known = try verify(connection, store) { return known }
        return try await begin(connection, store)
    }

    /// Starts a record of a log that is none of those read before: everything is folded anew from it.
    ///
    /// What is known of the others stays as it is, as evidence. When another process has started a record of this log
    /// meanwhile, that one is used.
    ///
    /// - Parameter lost: a log that passes for this one but is known not to be it.
    package static func begin(
        _ connection: isolated PostgresConnection,
        _ store: ValidatedStore,
        replacing lost: LogID? = nil
    ) async throws(EventStoreError) -> KnownLog {
        do {
            return try await connection.transaction { connection in
                try connection.executeScript("SET LOCAL synchronous_commit = on")
                // If two began at once, each with a record of its own, one of them would have to stop.
                try connection.execute("LOCK TABLE refold.logs IN SHARE ROW EXCLUSIVE MODE")
                if let known = try present(connection, store), known.id != lost { return known }
                let row = try connection.query(
                    """
                    INSERT INTO refold.logs (log, mark, system_identifier, timeline, database_oid, events_oid)
                    VALUES ($1, 0, $2, $3, $4::bigint::oid, $5::bigint::oid) RETURNING id
                    """,
                    [.text(store.settings.log)] + place(store)
                )
                let id = LogID(rawValue: try row.int64(0, 0))
                let newest = try newest(connection, store)
                _ = try connection.pipeline([anchoring(newest, of: store, log: id)])
                return KnownLog(id: id, mark: .zero)
            }
        } catch let error as EventStoreError {
            throw error
        } catch let error as PostgresError {
            throw .database("starting a record of the log", error)
        } catch {
            throw EventStoreError(.database, "starting a record of the log failed: \(error)", cause: error)
        }
    }

    /// The log's present record where that is of this log.
    private static func present(
        _ connection: isolated PostgresConnection,
        _ store: ValidatedStore
    ) throws(EventStoreError) -> KnownLog? {
        do throws(EventStoreError) {
            return try verify(connection, store)
        } catch {
            guard error.isOfAnotherLog else { throw error }
            return nil
        }
    }

    /// The stored mark where it is known to be one of this log, and zero otherwise: for readers that keep no checkpoint
    /// and so have nothing to lose but time.
    static func knownMark(
        _ connection: isolated PostgresConnection,
        _ store: ValidatedStore
    ) throws(EventStoreError) -> GlobalPosition {
        do throws(EventStoreError) {
            return try verify(connection, store, adopting: false)?.mark ?? .zero
        } catch {
            // Another log than the one that was folded; or nothing was ever folded, or not by this role.
            let states: [SQLState] = [.undefinedTable, .invalidSchemaName, .insufficientPrivilege, .undefinedColumn]
            let isUnknown = (error.cause as? PostgresError)?.sqlState.map { states.contains($0) } ?? false
            guard isUnknown || error.isOfAnotherLog else { throw error }
            return .zero
        }
    }

    /// What is known of the log that stands under a name now; nil when none was ever read.
    package static func load(
        _ connection: isolated PostgresConnection,
        _ settings: EventStoreSettings
    ) throws(EventStoreError) -> StoredLogIdentity? {
        do {
            let row = try connection.query(
                """
                SELECT id, mark, system_identifier, timeline, database_oid, events_oid
                FROM refold.logs WHERE log = $1 ORDER BY id DESC LIMIT 1
                """,
                [.text(settings.log)]
            )
            guard !row.isEmpty else { return nil }
            return StoredLogIdentity(
                id: LogID(rawValue: try row.int64(0, "id")),
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

    /// The newest position drawn, with an error of this module's.
    static func newest(
        _ connection: isolated PostgresConnection,
        _ store: ValidatedStore
    ) throws(EventStoreError) -> GlobalPosition {
        do {
            return try store.newestPosition(on: connection)
        } catch {
            throw .database("reading the newest position", error)
        }
    }

    private static func move(
        _ log: LogID,
        to store: ValidatedStore,
        on connection: isolated PostgresConnection
    ) throws(EventStoreError) {
        do {
            try connection.execute(
                """
                UPDATE refold.logs
                SET system_identifier = coalesce($2, system_identifier), timeline = $3,
                    database_oid = $4::bigint::oid, events_oid = $5::bigint::oid, recorded_at = now()
                WHERE id = $1
                """,
                [.int64(log.rawValue)] + place(store)
            )
        } catch {
            throw .database("recording where the log is", error)
        }
    }

    private static func place(_ store: ValidatedStore) -> [PostgresValue] {
        [
            store.identity.systemIdentifier.map { .int64($0) } ?? .null, .int64(store.identity.timeline),
            .int64(Int64(store.identity.database)), .int64(Int64(store.identity.eventsTable)),
        ]
    }
}

extension ValidatedStore {
    /// The newest position drawn.
    package func newestPosition(on connection: isolated PostgresConnection) throws(PostgresError) -> GlobalPosition {
        GlobalPosition(try connection.query(sequence.lastValueSQL).int64(0, 0))
    }
}

extension PositionSequence {
    /// The newest position drawn. Before the first nextval, and after setval(…, false), `last_value` holds the next
    /// position.
    ///
    /// While nextval writes its log record, the sequence's row shows the last of the 32 numbers that it logs ahead, and
    /// a SELECT from the sequence sees that: a mark taken from it would pass numbers that are yet to be drawn.
    /// `pg_sequence_last_value` waits for nextval to finish; it is null where nothing was drawn, and only then, looked
    /// at after the row was read, the row is what it seems. It takes the lock that writers take, until the end of the
    /// transaction: a query for its holders must leave its own session out.
    /// https://github.com/postgres/postgres/blob/REL_15_STABLE/src/backend/commands/sequence.c (nextval_internal)
    package var lastValueSQL: String { lastValueSQL() }

    /// The same with more columns.
    func lastValueSQL(and columns: String? = nil) -> String {
        """
        WITH found AS MATERIALIZED (SELECT last_value - 1 AS before_next FROM \(quoteIdentifier(schema, name)))
        SELECT coalesce(pg_sequence_last_value(\(oid)::oid), before_next)\(columns.map { ", \($0)" } ?? "") FROM found
        """
    }
}
