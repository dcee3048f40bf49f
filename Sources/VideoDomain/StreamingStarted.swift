public import Refold

/// The payload of `streaming.started`: a user began to watch a video.
///
/// Each property reads its field when it is asked for, and refuses a missing one or one of another type.
public struct StreamingStarted: Sendable {
    /// The quality of a session that asks for none.
    public static let defaultQuality: Text = "1080p"

    /// Where the properties read.
    public let payload: Payload

    /// Reads nothing yet.
    public init(_ payload: Payload) {
        self.payload = payload
    }

    /// The session.
    public var sessionID: Text {
        get throws(EventRefusal) { try payload.text(Self.sessionIDField) }
    }

    /// The user.
    public var userID: Text {
        get throws(EventRefusal) { try payload.text(Self.userIDField) }
    }

    /// The video.
    public var videoID: Text {
        get throws(EventRefusal) { try payload.text(Self.videoIDField) }
    }

    /// The quality that the session begins with, such as `1080p`.
    public var quality: Text {
        get throws(EventRefusal) { try payload.text(Self.qualityField) }
    }

    /// The writer's note of the moment; rows take the event's own timestamp.
    public var startTime: Timestamp {
        get throws(EventRefusal) { try payload.timestamp(Self.startTimeField) }
    }

    private static let sessionIDField: FieldName = "session_id"
    private static let userIDField: FieldName = "user_id"
    private static let videoIDField: FieldName = "video_id"
    private static let qualityField: FieldName = "quality"
    private static let startTimeField: FieldName = "start_time"
}
