/// One event of the sample domain, ready to be appended: it lacks only its positions.
public struct SampleEvent: Sendable {
    /// The event's own id.
    public let id: SampleID
    /// The stream that the event belongs to.
    public let stream: SampleStream
    /// The event's type, such as `content.watched`.
    public let type: SampleEventType
    /// When the event happened, in microseconds since 2000-01-01T00:00:00Z.
    public let timestamp: Int64
    /// The payload as JSON text, which PostgreSQL accepts as `json` and as `jsonb`.
    public let payload: [UInt8]
    /// The metadata as JSON text.
    public let metadata: [UInt8]
}

/// The types of the sample domain's events, and one that no projection declares.
public enum SampleEventType: String, Sendable, CaseIterable {
    case userRegistered = "user.registered"
    case userSubscribed = "user.subscribed"
    case userPreferencesUpdated = "user.preferences_updated"
    case contentAdded = "content.added"
    case contentWatched = "content.watched"
    case contentRated = "content.rated"
    /// A type that nobody reads, as any real log has.
    case sessionStarted = "session.started"
}

/// A stream of the sample log, by its place in the catalogue of users or of contents.
public enum SampleStream: Hashable, Sendable {
    /// `user-<id>`: what a user does.
    case user(Int)
    /// `content-<id>`: what happens to a content.
    case content(Int)
}
