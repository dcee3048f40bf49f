public import Refold

/// An event that is to be appended to a stream.
public struct NewEvent: Sendable, Hashable {
    /// The event's id, a UUID; nil lets the server draw one.
    public var id: String?
    /// What kind of event it is; not empty.
    public var type: String
    /// The payload, JSON text.
    public var payload: String
    /// What is recorded about the event, JSON text; nil for nothing.
    public var metadata: String?
    /// When it happened; nil is the time of the append.
    public var timestamp: Timestamp?

    /// An event from its parts.
    public init(
        id: String? = nil,
        type: String,
        payload: String,
        metadata: String? = nil,
        timestamp: Timestamp? = nil
    ) {
        self.id = id
        self.type = type
        self.payload = payload
        self.metadata = metadata
        self.timestamp = timestamp
    }
}

/// Where a writer expects a stream to stand. The first event of a stream has version 1.
public enum ExpectedVersion: Sendable, Hashable, CustomStringConvertible {
    /// Anywhere.
    case any
    /// The stream has no event.
    case noStream
    /// The stream has an event.
    case streamExists
    /// The stream's newest event has this version.
    case exactly(StreamPosition)

    /// Whether a stream of that version is as expected; version 0 is a stream without events.
    public func accepts(_ version: StreamPosition) -> Bool {
        switch self {
        case .any: true
        case .noStream: version.rawValue == 0
        case .streamExists: version.rawValue > 0
        case .exactly(let expected): version == expected
        }
    }

    /// The expectation in words.
    public var description: String {
        switch self {
        case .any: "any version"
        case .noStream: "no events"
        case .streamExists: "at least one event"
        case .exactly(let version): "version \(version)"
        }
    }
}

/// What an append gave.
public struct Appended: Sendable, Hashable {
    /// The stream's version after it.
    public let version: StreamPosition
    /// The events' global positions, in order; other writers' may lie between them.
    public let positions: [GlobalPosition]
}

/// An event of one stream, as it was stored.
public struct RecordedEvent: Sendable, Hashable {
    /// The event's id.
    public let id: String
    /// Its place in the stream, from 1.
    public let version: StreamPosition
    /// Its place in the whole store.
    public let position: GlobalPosition
    /// What kind of event it is.
    public let type: String
    /// The payload, JSON text.
    public let payload: String
    /// What was recorded about it, JSON text.
    public let metadata: String?
    /// When it happened.
    public let timestamp: Timestamp
}
