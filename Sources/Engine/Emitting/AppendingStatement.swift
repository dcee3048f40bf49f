internal import EventStore
internal import Postgres
internal import Refold

/// The one statement that moves emitted events from the outbox to the log, a transaction by itself.
///
/// Everything that could wait comes first: the appender's row, which only its owner gets; the rows of the outbox; the
/// streams' rows, in the order of their names. Positions are drawn last, so the high-water mark is held back for the
/// commit only. A row that another appender has moved meanwhile is not there to be deleted, so it is not inserted.
struct AppendingStatement {
    private let rows: [OutboxRow]
    private let events: [NewEvent]
    private let settings: EventStoreSettings
    private let lease: Lease
    /// When each event happened.
    private let times: [Timestamp]

    init(_ rows: [OutboxRow], for lease: Lease, _ settings: EventStoreSettings) {
        self.rows = rows
        self.lease = lease
        self.settings = settings
        let now = Timestamp.now()
        events = rows.map { $0.event }
        times = rows.map { $0.happenedAt ?? now }
    }

    /// The ids of the events, in the order of the rows.
    var ids: [EventID] { events.map(\.id) }

    /// The streams that they are appended to.
    var streams: [String] { rows.map(\.streamID) }

    /// Gives the positions of the events that were appended, one row for each.
    var statement: PostgresStatement {
        PostgresStatement(
            sql,
            [
                .text(settings.log), .uuid(lease.id), .int64Array(rows.map(\.id)), .uuidArray(ids.map(\.bytes)),
                .textArray(streams), .textArray(events.map(\.type)), .arrayLiteral(events.map(\.payload)),
                .arrayLiteral(zip(events, times).map { $0.storedMetadata(at: $1) }),
                .timestampArray(times.map(\.rawValue)),
            ]
        )
    }

    private var sql: String {
        let payloads = settings.array(like: "event_data", "$7")
        let metadata = settings.array(like: "metadata", "$8")
        return """
            WITH mine AS (SELECT FROM refold.appenders WHERE log = $1 AND owner = $2 FOR UPDATE),
                 taken AS (DELETE FROM refold.outbox WHERE id = ANY ($3) AND EXISTS (SELECT FROM mine) RETURNING id),
                 given AS MATERIALIZED (
                     SELECT e.*, row_number() OVER (PARTITION BY e.stream ORDER BY e.place) AS step
                       FROM unnest($3, $4, $5, $6, \(payloads), \(metadata), $9)
                            WITH ORDINALITY AS e (row, id, stream, type, data, metadata, time, place)
                       JOIN taken ON taken.id = e.row),
                 counted AS (SELECT stream, count(*) AS events FROM given GROUP BY stream),
                 advanced AS (
                     INSERT INTO \(settings.streams) AS s (stream_id, version, last_updated)
                     SELECT stream, events, now() FROM counted ORDER BY stream COLLATE "C"
                     ON CONFLICT (stream_id)
                     DO UPDATE SET version = s.version + excluded.version, last_updated = excluded.last_updated
                     RETURNING s.stream_id, s.version)
            INSERT INTO \(settings.events)
                   (event_id, stream_id, stream_version, event_type, event_data, metadata, "timestamp")
            SELECT g.id, g.stream, a.version - c.events + g.step, g.type, g.data, g.metadata, g.time
              FROM given g JOIN counted c ON c.stream = g.stream JOIN advanced a ON a.stream_id = g.stream
             ORDER BY g.place RETURNING global_position::bigint
            """
    }
}

extension AppendingStatement {
    /// Removes what keeps the statement from succeeding: rows of streams that are behind their events, and emissions that
    /// are in the log already.
    ///
    /// - Returns: whether there was anything, so that trying again makes sense.
    func resolveConflict(on connection: PostgresConnection) async throws -> Bool {
        let parameters: [PostgresValue] = [
            .text(settings.log), .uuid(lease.id), .int64Array(rows.map(\.id)), .uuidArray(ids.map(\.bytes)),
        ]
        let present = try await connection.execute(
            """
            WITH mine AS (SELECT FROM refold.appenders WHERE log = $1 AND owner = $2 FOR UPDATE)
            DELETE FROM refold.outbox o USING unnest($3, $4) AS e (row, id)
             WHERE o.id = e.row AND EXISTS (SELECT FROM mine)
               AND EXISTS (SELECT FROM \(settings.events) x WHERE x.event_id = e.id)
            """,
            parameters
        )
        let behind = try await connection.execute(settings.repairingStreams, [.textArray(streams)])
        return present + behind > 0
    }
}

extension OutboxRow {
    /// The stream that it is appended to.
    var streamID: String { "\(projection):\(stream)" }

    /// The event as the log will have it.
    fileprivate var event: NewEvent {
        NewEvent(
            id: EventID(namespace: sourceID, name: "\(projection):\(ordinal)"),
            type: type,
            typeVersion: Int(typeVersion),
            payload: payload,
            causationID: sourceID.description
        )
    }
}
