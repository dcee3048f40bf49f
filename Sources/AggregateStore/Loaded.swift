public import Aggregates
internal import EventStore
public import Refold

/// An aggregate with the version of its stream that made it.
public struct Loaded<A: Aggregate>: Sendable {
    /// The aggregate's id.
    public let id: String
    /// The aggregate.
    public let aggregate: A
    /// How many events it has taken in; 0 when there are none.
    public let version: StreamPosition
    /// The last of those events; nil when there are none.
    let newestEvent: EventID?
    /// The version of the newest snapshot that could be used; 0 when there was none.
    var snapshotVersion: StreamPosition
}

/// The result of a save.
public struct Saved<A: Aggregate>: Sendable {
    /// The aggregate with the new events.
    public let loaded: Loaded<A>
    /// The new events' global positions, in order; none when nothing was decided. Read models contain the events once
    /// their checkpoints are there.
    public let positions: [GlobalPosition]
    /// How often the decision was made.
    public let attempts: Int

    /// The aggregate with the new events.
    public var aggregate: A { loaded.aggregate }
    /// The version of its stream.
    public var version: StreamPosition { loaded.version }
}

/// A moment in the life of a stream.
public enum Moment: Sendable, Hashable {
    /// When the stream had this version; 0 is before its first event.
    case version(StreamPosition)
    /// After the last event whose timestamp is at that time or before. Clocks may go back, so events before that one
    /// may have later timestamps: they are part of it, since the stream never was without them.
    case time(Timestamp)
}

/// What is recorded with the events of a decision.
public struct DecisionContext: Sendable, Hashable {
    /// The id that all events of one undertaking share.
    public var correlationID: String?
    /// The event or command that led to the decision.
    public var causationID: String?
    /// Who made it.
    public var userID: String?
    /// When it was made; nil is the time of the save.
    public var time: Timestamp?

    /// - Parameters are the properties.
    public init(
        correlationID: String? = nil,
        causationID: String? = nil,
        userID: String? = nil,
        time: Timestamp? = nil
    ) {
        self.correlationID = correlationID
        self.causationID = causationID
        self.userID = userID
        self.time = time
    }
}
