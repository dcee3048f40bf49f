public import Refold

/// A deterministic log of the sample domain, streaming video: the same numbers and seed give the same events.
///
/// The shares are 80 % content.watched, 12 % content.rated, 4 % user.preferences_updated, 2 % user.subscribed and 2 %
/// user.registered; content.added takes 0.3 % out of the first. Popularity is skewed, timestamps advance over about 90
/// days and sometimes step back. Every edge that the event store's contract names is in a log of at least
/// `SampleLog.edges` events: viewers that never register, ratings before views, missing genres and titles, repeated
/// registrations, names and titles beyond ASCII, ids that make poor keys, numbers and escapes in unusual spellings,
/// types that nobody reads. Every payload is one that all projections accept. Viewing sessions, if any are asked for,
/// follow on the evening after.
public struct SampleLog: Sendable {
    /// How many events the log has, those of viewing sessions apart.
    public let events: Int
    /// How many users act in it.
    public let users: Int
    /// How many contents there are.
    public let contents: Int
    /// How many viewing sessions follow; each has some thirty events.
    public let sessions: Int
    /// What everything else follows from.
    public let seed: UInt64

    /// How many scripted events carry the edges; they are spread evenly over the log.
    public static var edges: Int { SampleEdges.count }

    /// - Parameters:
    ///   - events: how many events; at least 0.
    ///   - users: how many users; a fiftieth of the events or a fifth of the sessions, but at least 10, unless given.
    ///   - contents: how many contents; a two-hundredth of the events or a twentieth of the sessions, but at least 10,
    ///     unless given.
    ///   - sessions: how many viewing sessions; at least 0.
    ///   - seed: what all ids and choices follow from.
    public init(events: Int, users: Int? = nil, contents: Int? = nil, sessions: Int = 0, seed: UInt64 = 1) {
        precondition(
            events >= 0 && sessions >= 0 && users ?? 1 > 0 && contents ?? 1 > 0,
            "counts cannot be negative or nobody"
        )
        self.events = events
        self.users = users ?? max(10, events / 50, sessions / 5)
        self.contents = contents ?? max(10, events / 200, sessions / 20)
        self.sessions = sessions
        self.seed = seed
    }

    /// The log's events from the first on.
    ///
    /// - Parameter origin: what the log continues; ids and choices differ for every origin, users and contents do not.
    public func makeEvents(after origin: SampleOrigin = .empty) -> SampleEvents {
        SampleEvents(log: self, origin: origin)
    }
}

/// Where a log begins: after the newest event of the store that it is appended to.
public struct SampleOrigin: Sendable {
    /// The newest global position of the store, 0 for an empty one.
    public let position: GlobalPosition
    /// The newest event's timestamp; the log continues from there.
    public let timestamp: Timestamp

    /// A store without events: the log begins on 2026-01-01T00:00:00Z.
    public static let empty = SampleOrigin(
        position: .zero,
        timestamp: Timestamp(microseconds: 820_540_800_000_000)
    )

    /// - Parameters:
    ///   - position: the newest global position of the store.
    ///   - timestamp: the newest event's timestamp.
    public init(position: GlobalPosition, timestamp: Timestamp) {
        self.position = position
        self.timestamp = timestamp
    }
}
