package import Postgres
internal import Refold

/// A run of events that one statement reads.
package struct EventPage {
    /// How many events a page holds at most.
    package static let size = 500
    /// A page ends with the event that brings its payloads, as they are stored, to this many bytes.
    static let bytes = 4 << 20

    package var events: [RecordedEvent] = []
    /// No event follows among those that were asked for.
    package var isLast = false

    /// The statement that reads a page.
    ///
    /// The sum is formed row by row, so the rows after the page are not read, and looks only at how large the values
    /// are stored: it does not fetch them.
    ///
    /// - Parameters:
    ///   - condition: on `e`, a row of the events table.
    ///   - key: the column that gives the order; unique among the rows of the condition, and with an index on them.
    ///   - limit: the parameter that says how many events there may be.
    package static func sql(
        _ settings: EventStoreSettings,
        where condition: String,
        orderBy key: String,
        descending: Bool = false,
        limit: String
    ) -> String {
        let order = descending ? "DESC" : "ASC"
        return """
            SELECT event_id::text, stream_id::text, stream_version::bigint, global_position::bigint, event_type::text,
                   event_data::text, metadata::text, "timestamp", bytes
            FROM (
                SELECT e.*, pg_column_size(e.event_data) AS own_bytes,
                       sum(pg_column_size(e.event_data)) OVER (ORDER BY e.\(key) \(order) ROWS UNBOUNDED PRECEDING) AS bytes
                FROM \(settings.events) e WHERE \(condition) ORDER BY e.\(key) \(order) LIMIT \(limit)
            ) AS page
            WHERE bytes - own_bytes < \(bytes) ORDER BY \(key) \(order)
            """
    }

    /// Decodes the rows of such a statement.
    ///
    /// - Parameter limit: how many were asked for.
    package init(_ rows: PostgresResult, limit: Int) throws(PostgresError) {
        events.reserveCapacity(rows.count)
        for row in 0..<rows.count {
            for (column, name) in [(0, "event_id"), (1, "stream_id"), (2, "stream_version"), (4, "event_type")]
            where try rows.isNull(row, column) {
                throw PostgresError(
                    .decoding,
                    operation: "read the event at position \(try rows.int64(row, 3))",
                    message: "its \(name) is null"
                )
            }
            let id = try rows.text(row, 0)
            guard let id = EventID(id) else {
                throw PostgresError(.decoding, operation: "read an event", message: "the event id \(id) is no UUID")
            }
            events.append(
                RecordedEvent(
                    id: id,
                    stream: try rows.text(row, 1),
                    version: StreamPosition(try rows.int64(row, 2)),
                    position: GlobalPosition(try rows.int64(row, 3)),
                    type: try rows.text(row, 4),
                    payload: try rows.text(row, 5),
                    metadata: try rows.isNull(row, 6) ? nil : rows.text(row, 6),
                    timestamp: Timestamp(microseconds: try rows.timestamp(row, 7))
                )
            )
        }
        let bytes = rows.isEmpty ? 0 : try rows.int64(rows.count - 1, 8)
        isLast = rows.count < limit && bytes < Self.bytes
    }
}
