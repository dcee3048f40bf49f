public import Refold

/// The payload of `streaming.heartbeat`: a session is still there.
///
/// Each property reads its field when it is asked for, and refuses a missing one, one of another type or one out of
/// range.
public struct StreamingHeartbeat: Sendable {
    /// The seconds one session can last.
    public static let currentTimes: ClosedRange<Double> = 0...1_000_000_000

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

    /// The time since the session's start in seconds, whole or fractional, within `currentTimes`.
    public var currentTime: Double {
        get throws(EventRefusal) { try payload.number(Self.currentTimeField, in: Self.currentTimes) }
    }

    private static let sessionIDField: FieldName = "session_id"
    private static let userIDField: FieldName = "user_id"
    private static let currentTimeField: FieldName = "current_time"
}
