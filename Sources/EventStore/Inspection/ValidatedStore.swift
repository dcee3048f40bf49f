/// An event store that was inspected on one connection and found fit to be read.
package struct ValidatedStore: Sendable, Equatable {
    /// How payloads are stored. Both give the same results; `json` is read at twice the speed.
    package enum PayloadFormat: String, Sendable {
        case json
        case jsonb
    }

    /// The names it was found under.
    package let settings: EventStoreSettings
    /// The sequence that positions come from.
    package let sequence: PositionSequence
    /// How `event_data` is stored.
    package let payloadFormat: PayloadFormat
    /// How `metadata` is stored; nil when there is no such column.
    package let metadataFormat: PayloadFormat?
    /// Whether there is a column `stream_id`.
    package let hasStreamID: Bool
    /// Whether there is a column `event_id` that this role may read, of whatever type.
    package let hasEventID: Bool
    /// The `timestamp` column has no time zone, so its values are taken as UTC.
    package let timestampIsNaive: Bool
    /// Which log this is.
    package let identity: LogIdentity
    /// The run of the server it was found on.
    package let serverRun: ServerRun
    /// The server's version, such as 150018.
    package let serverVersion: Int
}

/// The sequence that an events table draws its positions from.
package struct PositionSequence: Sendable, Equatable {
    /// The schema's name, not quoted.
    package let schema: String
    /// The sequence's name, not quoted.
    package let name: String
    /// The sequence's object id, by which its locks are found.
    package let oid: UInt32

    package init(schema: String, name: String, oid: UInt32) {
        self.schema = schema
        self.name = name
        self.oid = oid
    }
}

/// What distinguishes one log from another, however alike their tables are.
package struct LogIdentity: Sendable, Hashable {
    /// Made by initdb and shared by a primary and its standbys; nil where the role may not ask for it.
    package let systemIdentifier: Int64?
    /// The timeline that the server writes; each promotion of a standby and each recovery to a point in time begins
    /// another one.
    package let timeline: Int64
    /// The database's object id.
    package let database: UInt32
    /// The events table's object id.
    package let eventsTable: UInt32

    /// An identity from its parts.
    package init(systemIdentifier: Int64?, timeline: Int64, database: UInt32, eventsTable: UInt32) {
        self.systemIdentifier = systemIdentifier
        self.timeline = timeline
        self.database = database
        self.eventsTable = eventsTable
    }
}
