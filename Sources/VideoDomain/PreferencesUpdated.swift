public import Refold

/// The payload of `user.preferences_updated`: a user changed what they like.
///
/// Each property reads its field when it is asked for, and refuses a missing one or one of another type.
public struct PreferencesUpdated: Sendable {
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

    /// The genres the user liked before.
    public var oldPreferences: [Text] {
        get throws(EventRefusal) { try payload.texts(Self.oldPreferencesField) }
    }

    /// What takes the place of the old preferences, in the user's order, repetitions included.
    public var newPreferences: [Text] {
        get throws(EventRefusal) { try payload.texts(Self.newPreferencesField) }
    }

    /// The writer's note of the moment; rows take the event's own timestamp.
    public var updateTimestamp: Timestamp {
        get throws(EventRefusal) { try payload.timestamp(Self.updateTimestampField) }
    }

    private static let userIDField: FieldName = "user_id"
    private static let oldPreferencesField: FieldName = "old_preferences"
    private static let newPreferencesField: FieldName = "new_preferences"
    private static let updateTimestampField: FieldName = "update_timestamp"
}
