public import Aggregates
public import Refold

/// What happens to a viewing session.
public enum ViewingSessionEvent: AggregateEvent, Hashable {
    /// `streaming.started`
    case started(sessionID: String, userID: String, videoID: String, quality: String, at: Timestamp)
    /// `streaming.quality_changed`
    case qualityChanged(sessionID: String, userID: String, from: String, to: String)
    /// `streaming.heartbeat`
    case heartbeat(sessionID: String, userID: String, currentTime: Double)
    /// `streaming.ended`
    case ended(sessionID: String, userID: String)

    /// The types of a session's events.
    public static let types: [EventType] = [
        .streamingStarted, .streamingQualityChanged, .streamingHeartbeat, .streamingEnded,
    ]

    /// Reads one of them; refuses an event of another type and a payload that lacks a field.
    public init(_ event: Event) throws(EventRefusal) {
        switch event.type {
        case .streamingStarted:
            let started = StreamingStarted(event.payload)
            self = .started(
                sessionID: String(try started.sessionID),
                userID: String(try started.userID),
                videoID: String(try started.videoID),
                quality: String(try started.quality),
                at: try started.startTime
            )
        case .streamingQualityChanged:
            let changed = StreamingQualityChanged(event.payload)
            self = .qualityChanged(
                sessionID: String(try changed.sessionID),
                userID: String(try changed.userID),
                from: String(try changed.oldQuality),
                to: String(try changed.newQuality)
            )
        case .streamingHeartbeat:
            let heartbeat = StreamingHeartbeat(event.payload)
            self = .heartbeat(
                sessionID: String(try heartbeat.sessionID),
                userID: String(try heartbeat.userID),
                currentTime: try heartbeat.currentTime
            )
        case .streamingEnded:
            let ended = StreamingEnded(event.payload)
            self = .ended(sessionID: String(try ended.sessionID), userID: String(try ended.userID))
        default:
            throw EventRefusal("\(event.typeName) is no event of a viewing session")
        }
    }

    /// Its type.
    public var type: EventType {
        switch self {
        case .started: .streamingStarted
        case .qualityChanged: .streamingQualityChanged
        case .heartbeat: .streamingHeartbeat
        case .ended: .streamingEnded
        }
    }

    /// Its payload, with the fields that projections read.
    public var payload: JSON {
        switch self {
        case .started(let sessionID, let userID, let videoID, let quality, let time):
            [
                "session_id": .text(sessionID), "user_id": .text(userID), "video_id": .text(videoID),
                "quality": .text(quality), "start_time": .text(time.description),
            ]
        case .qualityChanged(let sessionID, let userID, let old, let new):
            [
                "session_id": .text(sessionID), "user_id": .text(userID), "old_quality": .text(old),
                "new_quality": .text(new),
            ]
        case .heartbeat(let sessionID, let userID, let currentTime):
            ["session_id": .text(sessionID), "user_id": .text(userID), "current_time": .number(currentTime)]
        case .ended(let sessionID, let userID):
            ["session_id": .text(sessionID), "user_id": .text(userID)]
        }
    }
}
