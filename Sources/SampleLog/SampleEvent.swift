public import EventStore
public import Refold

/// One event of the sample domain, ready to be appended: it lacks only its positions.
public struct SampleEvent: Sendable {
    /// The event's own id.
    public let id: EventID
    /// The stream that the event belongs to.
    public let stream: SampleStream
    /// The event's type, such as `content.watched`.
    public let type: EventType
    /// When the event happened.
    public let timestamp: Timestamp
    /// The payload as JSON text, which PostgreSQL accepts as `json` and as `jsonb`.
    public let payload: [UInt8]
    /// The metadata as JSON text.
    public let metadata: [UInt8]
}

/// A stream of the sample log, by its place in the catalogue of users or of contents, or among the log's sessions.
public enum SampleStream: Hashable, Sendable {
    /// `user-<id>`: what a user does.
    case user(Int)
    /// `content-<id>`: what happens to a content.
    case content(Int)
    /// `session-<id>`: what happens to a viewing session.
    case session(Int)
}
