public import Aggregates
public import Refold

/// One user watching one video: started once, kept alive by heartbeats, until it is ended or falls silent.
public struct ViewingSession: Aggregate {
    /// Its streams are `session-<id>`.
    public static let category = "session"
    /// The version of its snapshots.
    public static let schemaVersion = 1

    /// The session's id, which no other session has: a UUID, for instance.
    public let id: String
    /// The user who watches; nil before it was started.
    public private(set) var userID: String?
    /// The video that is watched; empty before it was started.
    public private(set) var videoID = ""
    /// The present quality; empty before it was started.
    public private(set) var quality = ""
    /// What the last heartbeat said: seconds since the start.
    public private(set) var currentTime = 0.0
    /// Whether it was ended.
    public private(set) var isEnded = false

    /// The session with that id, before anything happened.
    public init(id: String) {
        self.id = id
    }

    /// Whether it was started; one that was ended stays started.
    public var isStarted: Bool { userID != nil }

    // MARK: Decisions

    /// A user begins to watch a video.
    ///
    /// - Parameter quality: `1080p` unless said.
    /// - Throws: `alreadyStarted`, also when it was ended since; `empty` without a user, a video or a quality.
    public func start(
        userID: String,
        videoID: String,
        quality: String = String(StreamingStarted.defaultQuality),
        at time: Timestamp
    ) throws(ViewingSessionError) -> [ViewingSessionEvent] {
        guard !isStarted else { throw .alreadyStarted(session: id) }
        guard !userID.isEmpty else { throw .empty(field: "user_id") }
        guard !videoID.isEmpty else { throw .empty(field: "video_id") }
        guard !quality.isEmpty else { throw .empty(field: "quality") }
        return [.started(sessionID: id, userID: userID, videoID: videoID, quality: quality, at: time)]
    }

    /// It goes on in another quality.
    ///
    /// - Throws: `notStarted`, `ended`; `unchanged` for the present quality, `empty` without one.
    public func changeQuality(to quality: String) throws(ViewingSessionError) -> [ViewingSessionEvent] {
        let userID = try requireRunning()
        guard !quality.isEmpty else { throw .empty(field: "new_quality") }
        // By bytes, as the store and the projections compare.
        guard Text(quality) != Text(self.quality) else { throw .unchanged(quality: quality) }
        return [.qualityChanged(sessionID: id, userID: userID, from: self.quality, to: quality)]
    }

    /// It is still there.
    ///
    /// A heartbeat of a session that was never started is ignored: a player that lost its session goes on beating, and
    /// there is nothing to decide about it.
    ///
    /// - Parameter currentTime: seconds since the start, from 0 to 10⁹, never less than before.
    /// - Throws: `ended`; `outOfRange`; `backwards` when it is less than the last heartbeat said.
    public func heartbeat(currentTime: Double) throws(ViewingSessionError) -> [ViewingSessionEvent] {
        guard let userID else { return [] }
        guard !isEnded else { throw .ended(session: id) }
        guard StreamingHeartbeat.currentTimes.contains(currentTime) else {
            throw .outOfRange(field: "current_time", found: "\(currentTime)")
        }
        guard currentTime >= self.currentTime else { throw .backwards(last: self.currentTime, found: currentTime) }
        return [.heartbeat(sessionID: id, userID: userID, currentTime: currentTime)]
    }

    /// It is over.
    ///
    /// - Throws: `notStarted`, `ended`.
    public func end() throws(ViewingSessionError) -> [ViewingSessionEvent] {
        [.ended(sessionID: id, userID: try requireRunning())]
    }

    /// The user who watches.
    private func requireRunning() throws(ViewingSessionError) -> String {
        guard let userID else { throw .notStarted(session: id) }
        guard !isEnded else { throw .ended(session: id) }
        return userID
    }

    // MARK: What happened

    /// Takes in what happened.
    public mutating func apply(_ event: ViewingSessionEvent) {
        switch event {
        case .started(_, let userID, let videoID, let quality, _):
            self.userID = userID
            self.videoID = videoID
            self.quality = quality
        case .qualityChanged(_, _, _, let quality): self.quality = quality
        case .heartbeat(_, _, let currentTime): self.currentTime = currentTime
        case .ended: isEnded = true
        }
    }
}

/// Why a decision about a viewing session is refused.
public enum ViewingSessionError: Error, Hashable, CustomStringConvertible {
    /// It was started before.
    case alreadyStarted(session: String)
    /// It was never started.
    case notStarted(session: String)
    /// It was ended.
    case ended(session: String)
    /// It has that quality.
    case unchanged(quality: String)
    /// A heartbeat says less than the one before it.
    case backwards(last: Double, found: Double)
    /// A number lies outside of what the field may be.
    case outOfRange(field: String, found: String)
    /// A text that must say something is empty.
    case empty(field: String)

    /// The reason in one clause.
    public var description: String {
        switch self {
        case .alreadyStarted(let session): "session \(session) was started already"
        case .notStarted(let session): "session \(session) was never started"
        case .ended(let session): "session \(session) was ended"
        case .unchanged(let quality): "the quality is \(quality) already"
        case .backwards(let last, let found): "current_time goes back from \(last) to \(found)"
        case .outOfRange(let field, let found): "\(field) is out of range: \(found)"
        case .empty(let field): "\(field) is empty"
        }
    }
}
