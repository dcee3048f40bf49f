public import Refold

/// An event as it was stored.
public struct RecordedEvent: Sendable, Hashable {
    /// The event's id.
    public let id: EventID
    /// The stream it belongs to.
    public let stream: String
    /// Its place in the stream, from 1.
    public let version: StreamPosition
    /// Its place in the whole store.
    public let position: GlobalPosition
    /// What kind of event it is.
    public let type: String
    /// The payload, JSON text.
    public let payload: String
    /// What was recorded about it, JSON text; nil when nothing was.
    public let metadata: String?
    /// When it happened.
    public let timestamp: Timestamp

    package init(
        id: EventID,
        stream: String,
        version: StreamPosition,
        position: GlobalPosition,
        type: String,
        payload: String,
        metadata: String?,
        timestamp: Timestamp
    ) {
        self.id = id
        self.stream = stream
        self.version = version
        self.position = position
        self.type = type
        self.payload = payload
        self.metadata = metadata
        self.timestamp = timestamp
    }
}

// MARK: What the metadata say

// Each of these reads the metadata anew: ask once.
extension RecordedEvent {
    /// The metadata's members; none when there are no metadata or they are no object.
    public var metadataMembers: JSON.Object {
        guard let metadata, let value = try? JSON(parsing: metadata) else { return [:] }
        return value.asObject ?? [:]
    }

    /// The version of the event's type; 1 where the metadata do not say.
    public var typeVersion: Int {
        // Most events are of version 1 and many stores know no versions: looking for the name is much quicker.
        guard let metadata, metadata.utf8.contains(EventMetadata.typeVersion.utf8) else { return 1 }
        return metadataMembers[EventMetadata.typeVersion]?.asInteger.map { Int($0) } ?? 1
    }

    /// The id shared by one request and everything that followed from it.
    public var correlationID: String? { metadataMembers[EventMetadata.correlationID]?.asText }

    /// What the event followed from: the id of a command or of another event.
    public var causationID: String? { metadataMembers[EventMetadata.causationID]?.asText }

    /// Who caused it.
    public var userID: String? { metadataMembers[EventMetadata.userID]?.asText }
}
