public import Refold

/// The payload of `streaming.ended`: a session is over, so that nobody has to wait until its heartbeats are missed.
///
/// Each property reads its field when it is asked for, and refuses a missing one or one of another type.
public struct StreamingEnded: Sendable {
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

    private static let sessionIDField: FieldName = "session_id"
    private static let userIDField: FieldName = "user_id"
}
