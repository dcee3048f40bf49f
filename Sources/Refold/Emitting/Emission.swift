/// An event that a projection has emitted, on its way to the log.
package struct Emission: Sendable, Hashable {
    /// The event that the projection was applied to.
    package let position: GlobalPosition
    /// Its place among the emissions of that event, from 0.
    package let ordinal: Int
    /// What kind of event it is.
    package let type: EventType
    /// The version of the type, from 1.
    package let version: Int
    /// The name of its stream among the projection's own.
    package let stream: String
    /// JSON text that PostgreSQL can store as `json` and as `jsonb`.
    package let payload: String
    /// The time of the event that it follows from; nil when that is no moment.
    package let timestamp: Timestamp?

    package init(
        position: GlobalPosition,
        ordinal: Int,
        type: EventType,
        version: Int,
        stream: String,
        payload: String,
        timestamp: Timestamp?
    ) {
        self.position = position
        self.ordinal = ordinal
        self.type = type
        self.version = version
        self.stream = stream
        self.payload = payload
        self.timestamp = timestamp
    }

    /// About what it takes in memory.
    var bytes: Int { stream.utf8.count + payload.utf8.count + MemoryLayout<Self>.stride }
}

/// Which emissions of a projection are allowed, and which are kept.
package struct EmissionScope: Sendable {
    /// What the projection declares.
    package let types: [EventType]
    /// Emissions of events after this position are kept; nil when none are.
    package let after: GlobalPosition?

    package init(_ types: [EventType], after: GlobalPosition?) {
        self.types = types
        self.after = after
    }
}
