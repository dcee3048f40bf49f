public import Refold

/// An event that is to be appended to a stream.
///
/// The same value appended again, after a lost connection say, is the same event: it is not stored twice.
public struct NewEvent: Sendable, Hashable {
    /// The event's id, by which a repeated append is recognised.
    public var id: EventID
    /// What kind of event it is; 1 to 2,048 bytes.
    public var type: String
    /// The version of the type, from 1; upcasters bring older ones up to date when they are read.
    public var typeVersion: Int
    /// The payload, JSON text.
    public var payload: String
    /// The id shared by one request and everything that followed from it.
    public var correlationID: String?
    /// What the event followed from: the id of a command or of another event.
    public var causationID: String?
    /// Who caused it.
    public var userID: String?
    /// Further members of the metadata. The properties above win over members of the same name.
    public var metadata: JSON.Object
    /// When it happened; nil is the time of the append, by the writer's clock.
    public var timestamp: Timestamp?

    /// An event from its parts.
    ///
    /// - Parameter id: nil makes one, a UUID of version 7.
    public init(
        id: EventID? = nil,
        type: String,
        typeVersion: Int = 1,
        payload: String,
        correlationID: String? = nil,
        causationID: String? = nil,
        userID: String? = nil,
        metadata: JSON.Object = [:],
        timestamp: Timestamp? = nil
    ) {
        self.id = id ?? EventID()
        self.type = type
        self.typeVersion = typeVersion
        self.payload = payload
        self.correlationID = correlationID
        self.causationID = causationID
        self.userID = userID
        self.metadata = metadata
        self.timestamp = timestamp
    }

    /// An event of a declared type with a JSON payload.
    ///
    /// - Parameter id: nil makes one, a UUID of version 7.
    public init(
        id: EventID? = nil,
        _ type: EventType,
        typeVersion: Int = 1,
        _ payload: JSON,
        correlationID: String? = nil,
        causationID: String? = nil,
        userID: String? = nil,
        metadata: JSON.Object = [:],
        timestamp: Timestamp? = nil
    ) {
        self.init(
            id: id,
            type: type.name,
            typeVersion: typeVersion,
            payload: payload.text,
            correlationID: correlationID,
            causationID: causationID,
            userID: userID,
            metadata: metadata,
            timestamp: timestamp
        )
    }

    /// The metadata as it is stored, JSON text.
    ///
    /// - Parameter time: when the event happened.
    package func storedMetadata(at time: Timestamp) -> String {
        var all = metadata
        all[EventMetadata.typeVersion] = .integer(Int64(typeVersion))
        if let correlationID { all[EventMetadata.correlationID] = .text(correlationID) }
        if let causationID { all[EventMetadata.causationID] = .text(causationID) }
        if let userID { all[EventMetadata.userID] = .text(userID) }
        all[EventMetadata.timestamp] = .text(time.description)
        return all.text
    }
}

/// The names of the members that every event's metadata may have.
package enum EventMetadata {
    package static let typeVersion = "type_version"
    static let correlationID = "correlation_id"
    static let causationID = "causation_id"
    static let userID = "user_id"
    static let timestamp = "timestamp"
}

extension EventStreams {
    /// The members of the metadata that appending writes itself.
    public static let ownMetadata = [
        EventMetadata.typeVersion, EventMetadata.correlationID, EventMetadata.causationID, EventMetadata.userID,
        EventMetadata.timestamp,
    ]
}
