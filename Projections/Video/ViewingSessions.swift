public import Refold
import VideoDomain

/// Every viewing session: who watches what in which quality, and when it was last heard of.
///
/// A session is live at a time T when it has not ended and its last heartbeat is less than 30 s before T; the start
/// counts as the first heartbeat. The table has an index on `last_heartbeat`, so that the sessions live now, in all and
/// by quality, are one look-up.
///
/// The first start of a session counts; another one of the same id changes nothing, and neither do events of a session
/// that was never started or has ended. A heartbeat older than the last is ignored. Times are the event's own.
public struct ViewingSessions: Projection {
    /// `viewing_sessions`.
    public let name: ProjectionName = "viewing_sessions"
    /// The first.
    public let version = 1
    /// All events of sessions.
    public let eventTypes: [EventType] = [
        .streamingStarted, .streamingQualityChanged, .streamingHeartbeat, .streamingEnded,
    ]
    /// The table `viewing_sessions`, key `session_id`.
    public let model: ReadModel
    /// The sessions of the last hour; and those that were heard of in the last ten minutes and have not ended ranked by
    /// time, in all and by quality, so that the cache alone counts who is watching.
    public var defaultHotSet: HotSetSettings {
        HotSetSettings(
            .recent(column: "last_heartbeat", within: .hours(1)),
            ranking: HotRanking(
                time: "last_heartbeat",
                within: .seconds(600),
                group: "quality",
                unless: "ended_at"
            )
        )
    }

    private let sessions: Table
    private let userID: Column<Text>
    private let videoID: Column<Text>
    private let quality: Column<Text>
    private let startedAt: Column<Timestamp>
    private let lastHeartbeat: Column<Timestamp>
    private let endedAt: Column<Timestamp?>
    private let watchedSeconds: Column<Int64>

    /// Lays the table out.
    public init() {
        var model = ReadModel()
        sessions = model.addTable("viewing_sessions", key: .text("session_id"))
        userID = model.addColumn("user_id", to: sessions)
        videoID = model.addColumn("video_id", to: sessions)
        quality = model.addColumn("quality", to: sessions)
        startedAt = model.addColumn("started_at", to: sessions)
        lastHeartbeat = model.addColumn("last_heartbeat", to: sessions)
        endedAt = model.addColumn("ended_at", to: sessions)
        watchedSeconds = model.addColumn("watched_seconds", to: sessions)
        model.addIndex(to: sessions, on: "last_heartbeat")
        self.model = model
    }

    /// Applies one event to its session.
    public func apply(_ event: Event, to rows: Rows) throws {
        let time = try event.timestamp
        switch event.type {
        case .streamingHeartbeat: try keepAlive(StreamingHeartbeat(event.payload), at: time, in: rows)
        case .streamingStarted: try start(StreamingStarted(event.payload), at: time, in: rows)
        case .streamingQualityChanged: try changeQuality(StreamingQualityChanged(event.payload), in: rows)
        case .streamingEnded:
            guard let session = try running(StreamingEnded(event.payload).sessionID, in: rows) else { return }
            session[endedAt] = time
        default: break
        }
    }

    private func start(_ event: StreamingStarted, at time: Timestamp, in rows: Rows) throws {
        let (sessionID, user, video) = try (event.sessionID, event.userID, event.videoID)
        let firstQuality = try event.quality
        guard try rows.find(sessions, sessionID) == nil else { return }
        let session = try rows.findOrInsert(sessions, sessionID)
        session[userID] = user
        session[videoID] = video
        session[quality] = firstQuality
        session[startedAt] = time
        session[lastHeartbeat] = time
    }

    private func keepAlive(_ event: StreamingHeartbeat, at time: Timestamp, in rows: Rows) throws {
        let (sessionID, currentTime) = try (event.sessionID, event.currentTime)
        guard let session = try running(sessionID, in: rows), time >= session[lastHeartbeat] else { return }
        session[lastHeartbeat] = time
        session[watchedSeconds] = max(session[watchedSeconds], Int64(currentTime))
    }

    private func changeQuality(_ event: StreamingQualityChanged, in rows: Rows) throws {
        let (sessionID, newQuality) = try (event.sessionID, event.newQuality)
        guard let session = try running(sessionID, in: rows) else { return }
        session[quality] = newQuality
    }

    /// The session if it was started and has not ended.
    private func running(_ sessionID: Text, in rows: Rows) throws -> Row? {
        guard let session = try rows.find(sessions, sessionID), session[endedAt] == nil else { return nil }
        return session
    }
}
