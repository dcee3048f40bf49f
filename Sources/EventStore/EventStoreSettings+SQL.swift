internal import Postgres

extension EventStoreSettings {
    /// The events table, quoted.
    package var events: String { quoteIdentifier(schema, eventsTable) }
    /// The streams table, quoted.
    package var streams: String { quoteIdentifier(schema, streamsTable) }
    /// The key under which this log's records are kept in schema `refold`.
    package var log: String { events }

    /// A parameter that is an array of payloads or metadata, in a statement that unnests it. The second argument of
    /// coalesce is never run; it gives the array the column's own type, json or jsonb.
    package func array(like column: String, _ parameter: String) -> String {
        "coalesce(\(parameter), (SELECT array_agg(x.\(column)) FROM \(events) x WHERE false))"
    }

    /// Lets the rows of the streams in `$1`, an array, catch up with events that were written without them.
    package var repairingStreams: String {
        """
        INSERT INTO \(streams) AS s (stream_id, version, last_updated)
        SELECT e.stream_id, max(e.stream_version), now() FROM \(events) e
         WHERE e.stream_id = ANY ($1) GROUP BY e.stream_id ORDER BY e.stream_id COLLATE "C"
        ON CONFLICT (stream_id) DO UPDATE SET version = excluded.version, last_updated = excluded.last_updated
        WHERE s.version < excluded.version
        """
    }
}
