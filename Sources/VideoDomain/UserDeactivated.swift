public import Refold

/// The payload of `user.deactivated`: a user left.
///
/// Each property reads its field when it is asked for, and refuses a missing one or one of another type.
public struct UserDeactivated: Sendable {
    /// Where the properties read.
    public let payload: Payload

    /// Reads nothing yet.
    public init(_ payload: Payload) {
        self.payload = payload
    }

    /// The user.
    public var userID: Text {
        get throws(EventRefusal) { try payload.text(Self.userIDField) }
    }

    /// The writer's note of the moment; rows take the event's own timestamp.
    public var deactivationTimestamp: Timestamp {
        get throws(EventRefusal) { try payload.timestamp(Self.deactivationTimestampField) }
    }

    private static let userIDField: FieldName = "user_id"
    private static let deactivationTimestampField: FieldName = "deactivation_timestamp"
}
