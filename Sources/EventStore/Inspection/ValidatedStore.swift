/// An event store that was looked at on one connection and found fit to be read.
public struct ValidatedStore: Sendable, Equatable {
    /// How payloads are stored. Both give the same results; `json` is read at twice the speed.
    public enum PayloadFormat: String, Sendable {
        case json
        case jsonb
    }

    /// The names it was found under.
    public let settings: EventStoreSettings
    /// The sequence that positions come from.
    public let sequence: PositionSequence
    /// How `event_data` is stored.
    public let payloadFormat: PayloadFormat
    /// How `metadata` is stored; nil when there is no such column.
    public let metadataFormat: PayloadFormat?
    /// Whether there is a column `stream_id`.
    public let hasStreamID: Bool
    /// Whether there is a column `event_id` that this role may read, of whatever type.
    public let hasEventID: Bool
    /// The `timestamp` column has no time zone, so its values are taken as UTC.
    public let timestampIsNaive: Bool
    /// Which log this is.
    public let identity: LogIdentity
    /// The run of the server it was found on.
    public let serverRun: ServerRun
    /// The server's version, such as 150018.
    public let serverVersion: Int
}

/// The sequence that an events table draws its positions from.
public struct PositionSequence: Sendable, Equatable {
    /// The schema's name, not quoted.
    public let schema: String
    /// The sequence's name, not quoted.
    public let name: String
    /// The sequence's object id, by which its locks are found.
    public let oid: UInt32

    package init(schema: String, name: String, oid: UInt32) {
        self.schema = schema
        self.name = name
        self.oid = oid
    }
}

/// What tells one log from another, however alike their tables are.
public struct LogIdentity: Sendable, Hashable {
    /// Made by initdb and shared by a primary and its standbys; nil where the role may not ask for it.
    public let systemIdentifier: Int64?
    /// The line of history the server writes on; each promotion of a standby and each recovery to a point in time
    /// begins another one.
    public let timeline: Int64
    /// The database's object id.
    public let database: UInt32
    /// The events table's object id.
    public let eventsTable: UInt32

    /// An identity from its parts.
    public init(systemIdentifier: Int64?, timeline: Int64, database: UInt32, eventsTable: UInt32) {
        self.systemIdentifier = systemIdentifier
        self.timeline = timeline
        self.database = database
        self.eventsTable = eventsTable
    }
}
