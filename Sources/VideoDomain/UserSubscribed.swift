public import Refold

/// The payload of `user.subscribed`: a user chose a plan.
///
/// Each property reads its field when it is asked for, and refuses a missing one or one of another type.
public struct UserSubscribed: Sendable {
    /// The plan of users who pay nothing, and of every user who has just registered.
    public static let freePlan: Text = "free"

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

    /// The plan chosen; `freePlan` or one that is paid for.
    public var plan: Text {
        get throws(EventRefusal) { try payload.text(Self.planField) }
    }

    /// How the plan is paid for.
    public var paymentMethod: Text {
        get throws(EventRefusal) { try payload.text(Self.paymentMethodField) }
    }

    /// The writer's note of the moment; rows take the event's own timestamp.
    public var subscriptionTimestamp: Timestamp {
        get throws(EventRefusal) { try payload.timestamp(Self.subscriptionTimestampField) }
    }

    private static let userIDField: FieldName = "user_id"
    private static let planField: FieldName = "plan"
    private static let paymentMethodField: FieldName = "payment_method"
    private static let subscriptionTimestampField: FieldName = "subscription_timestamp"
}
