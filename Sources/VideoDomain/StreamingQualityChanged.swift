public import Refold

/// The payload of `streaming.quality_changed`: a session goes on in another quality.
///
/// Each property reads its field when it is asked for, and refuses a missing one or one of another type.
public struct StreamingQualityChanged: Sendable {
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

    /// The quality before, as the writer knew it.
    public var oldQuality: Text {
        get throws(EventRefusal) { try payload.text(Self.oldQualityField) }
    }

    /// The quality from here on.
    public var newQuality: Text {
        get throws(EventRefusal) { try payload.text(Self.newQualityField) }
    }

    private static let sessionIDField: FieldName = "session_id"
    private static let userIDField: FieldName = "user_id"
    private static let oldQualityField: FieldName = "old_quality"
    private static let newQualityField: FieldName = "new_quality"
}
