internal import EventStore
package import Postgres
internal import Refold

/// An emitted event that is ready to be appended.
struct OutboxRow: Sendable {
    let id: Int64
    let projection: ProjectionName
    let sourceID: EventID
    let ordinal: Int64
    let type: String
    let typeVersion: Int64
    let stream: String
    let payload: String
    let happenedAt: Timestamp?
}

/// How many emitted events wait for the appender.
package struct OutboxBacklog: Sendable, Hashable {
    package let events: Int64
    /// How long the oldest one has been waiting; nil when there is none.
    package let age: Duration?
}

/// Emitted events on their way to the log: the rows of `refold.outbox`. Windows add them: see `refold.emit` in
/// `Schema/refold.sql`.
package struct OutboxStore: Sendable {
    private let connection: PostgresConnection
    /// The quoted name of the events table.
    private let log: String

    /// The rows for one log, on a session.
    package init(_ connection: PostgresConnection, log: String) {
        self.connection = connection
        self.log = log
    }

    /// How many events are read at once, and how many bytes their payloads may have together; the first may have more.
    private static let (mostRows, mostBytes) = (500, 8 << 20)

    /// The next events, in the order in which they are appended: by the events that they follow from.
    func next() async throws -> [OutboxRow] {
        try await connection.query(
            Statements.next,
            [.text(log), .int64(Int64(Self.mostRows)), .int64(Int64(Self.mostBytes))]
        ).rows.map { row in
            guard let source = EventID(try row.text("source_id")) else {
                preconditionFailure("PostgreSQL has a uuid that is none")
            }
            return OutboxRow(
                id: try row.int64("id"),
                projection: try ProjectionName(row.text("projection")),
                sourceID: source,
                ordinal: try row.int64("ordinal"),
                type: try row.text("event_type"),
                typeVersion: try row.int64("type_version"),
                stream: try row.text("stream"),
                payload: try row.text("payload"),
                happenedAt: try row.optionalTimestamp("happened_at").map { Timestamp(microseconds: $0) }
            )
        }
    }

    /// What waits.
    package func backlog() async throws -> OutboxBacklog {
        let row = try await connection.query(Statements.backlog, [.text(log)]).rows[0]
        return OutboxBacklog(
            events: try row.int64("events"),
            age: try row.optionalInt64("milliseconds").map { .milliseconds(max(0, $0)) }
        )
    }
}

extension OutboxStore {
    private enum Statements {
        static let next = """
            SELECT id, projection, source_id::text, ordinal, event_type, type_version, stream, payload::text, happened_at
              FROM (SELECT *, sum(octet_length(payload::text)) OVER (ORDER BY position, projection, ordinal) AS bytes
                      FROM (SELECT * FROM refold.outbox WHERE log = $1 AND held_for IS NULL
                             ORDER BY position, projection, ordinal LIMIT $2) first) counted
             WHERE bytes - octet_length(payload::text) < $3 ORDER BY position, projection, ordinal
            """

        static let backlog = """
            SELECT count(*) AS events, (extract(epoch FROM clock_timestamp() - min(written_at)) * 1000)::bigint AS milliseconds
              FROM refold.outbox WHERE log = $1 AND held_for IS NULL
            """
    }
}
