internal import Postgres

extension EventStoreSettings {
    /// The events table, quoted.
    package var events: String { quoteIdentifier(schema, eventsTable) }
    /// The streams table, quoted.
    package var streams: String { quoteIdentifier(schema, streamsTable) }
    /// The key under which this log's records are kept in schema `refold`.
    package var log: String { events }
}
