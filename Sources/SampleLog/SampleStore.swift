import Postgres

/// The tables that sample events are appended to.
public struct SampleStore: Sendable {
    /// The schema of both tables.
    public let schema: String
    /// The events table.
    public let events: String
    /// The table of streams and their versions.
    public let streams: String

    /// - Parameters:
    ///   - schema: the schema of both tables.
    ///   - events: the name of the events table.
    ///   - streams: the name of the streams table.
    public init(schema: String = "public", events: String = "events", streams: String = "streams") {
        self.schema = schema
        self.events = events
        self.streams = streams
    }

    var quotedEvents: String { quoteIdentifier(schema, events) }
    var quotedStreams: String { quoteIdentifier(schema, streams) }
}
