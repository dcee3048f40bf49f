public import Refold

/// The payload of `user.registered`: a user made an account.
///
/// Each property reads its field when it is asked for, and refuses a missing one or one of another type.
public struct UserRegistered: Sendable {
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

    /// The address as the user gave it.
    public var email: Text {
        get throws(EventRefusal) { try payload.text(Self.emailField) }
    }

    /// The name as the user gave it.
    public var name: Text {
        get throws(EventRefusal) { try payload.text(Self.nameField) }
    }

    /// The genres the user began with, in their order, repetitions included.
    public var initialPreferences: [Text] {
        get throws(EventRefusal) { try payload.texts(Self.initialPreferencesField) }
    }

    /// The writer's note of the moment; rows take the event's own timestamp.
    public var registrationTimestamp: Timestamp {
        get throws(EventRefusal) { try payload.timestamp(Self.registrationTimestampField) }
    }

    private static let userIDField: FieldName = "user_id"
    private static let emailField: FieldName = "email"
    private static let nameField: FieldName = "name"
    private static let initialPreferencesField: FieldName = "initial_preferences"
    private static let registrationTimestampField: FieldName = "registration_timestamp"
}
