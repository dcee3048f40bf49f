public import Aggregates
public import Refold

/// What happens to a user.
public enum UserEvent: AggregateEvent, Hashable {
    /// `user.registered`
    case registered(userID: String, email: String, name: String, preferences: [String], at: Timestamp)
    /// `user.subscribed`
    case subscribed(userID: String, plan: String, paymentMethod: String, at: Timestamp)
    /// `user.preferences_updated`
    case preferencesUpdated(userID: String, from: [String], to: [String], at: Timestamp)
    /// `user.deactivated`
    case deactivated(userID: String, at: Timestamp)

    /// The types of a user's events.
    public static let types: [EventType] = [.userRegistered, .userSubscribed, .preferencesUpdated, .userDeactivated]

    /// Reads one of them; refuses an event of another type and a payload that lacks a field.
    public init(_ event: Event) throws(EventRefusal) {
        switch event.type {
        case .userRegistered:
            let registered = UserRegistered(event.payload)
            self = .registered(
                userID: String(try registered.userID),
                email: String(try registered.email),
                name: String(try registered.name),
                preferences: try registered.initialPreferences.map { String($0) },
                at: try registered.registrationTimestamp
            )
        case .userSubscribed:
            let subscribed = UserSubscribed(event.payload)
            self = .subscribed(
                userID: String(try subscribed.userID),
                plan: String(try subscribed.plan),
                paymentMethod: String(try subscribed.paymentMethod),
                at: try subscribed.subscriptionTimestamp
            )
        case .preferencesUpdated:
            let updated = PreferencesUpdated(event.payload)
            self = .preferencesUpdated(
                userID: String(try updated.userID),
                from: try updated.oldPreferences.map { String($0) },
                to: try updated.newPreferences.map { String($0) },
                at: try updated.updateTimestamp
            )
        case .userDeactivated:
            let deactivated = UserDeactivated(event.payload)
            self = .deactivated(
                userID: String(try deactivated.userID),
                at: try deactivated.deactivationTimestamp
            )
        default:
            throw EventRefusal("\(event.typeName) is no event of a user")
        }
    }

    /// Its type.
    public var type: EventType {
        switch self {
        case .registered: .userRegistered
        case .subscribed: .userSubscribed
        case .preferencesUpdated: .preferencesUpdated
        case .deactivated: .userDeactivated
        }
    }

    /// Its payload, with the fields that projections read.
    public var payload: JSON {
        switch self {
        case .registered(let userID, let email, let name, let preferences, let time):
            [
                "user_id": .text(userID), "email": .text(email), "name": .text(name),
                "initial_preferences": .array(preferences.map { .text($0) }),
                "registration_timestamp": .text(time.description),
            ]
        case .subscribed(let userID, let plan, let paymentMethod, let time):
            [
                "user_id": .text(userID), "plan": .text(plan), "payment_method": .text(paymentMethod),
                "subscription_timestamp": .text(time.description),
            ]
        case .preferencesUpdated(let userID, let old, let new, let time):
            [
                "user_id": .text(userID), "old_preferences": .array(old.map { .text($0) }),
                "new_preferences": .array(new.map { .text($0) }), "update_timestamp": .text(time.description),
            ]
        case .deactivated(let userID, let time):
            ["user_id": .text(userID), "deactivation_timestamp": .text(time.description)]
        }
    }
}
