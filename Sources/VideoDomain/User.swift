public import Aggregates
public import Refold

/// A user of the video service: registers once, may subscribe and change preferences until they leave.
public struct User: Aggregate {
    /// Its streams are `user-<id>`.
    public static let category = "user"
    /// The version of its snapshots.
    public static let schemaVersion = 1

    /// The user's id.
    public let id: String
    /// The address as the user gave it; nil before they registered.
    public private(set) var email: String?
    /// The name as the user gave it; empty before they registered.
    public private(set) var name = ""
    /// The plan; `free` until another is chosen.
    public private(set) var plan = String(UserSubscribed.freePlan)
    /// The genres the user likes, in their order.
    public private(set) var preferences: [String] = []
    /// Whether the user left.
    public private(set) var isDeactivated = false

    /// The user with that id, before anything happened.
    public init(id: String) {
        self.id = id
    }

    /// Whether the user ever registered; a user who left stays registered.
    public var isRegistered: Bool { email != nil }

    // MARK: Decisions

    /// Makes the account.
    ///
    /// - Throws: `alreadyRegistered`, also for a user who left; `empty` without an email.
    public func register(
        email: String,
        name: String,
        preferences: [String] = [],
        at time: Timestamp
    ) throws(UserError) -> [UserEvent] {
        guard !isRegistered else { throw .alreadyRegistered(user: id) }
        guard !email.isEmpty else { throw .empty(field: "email") }
        return [.registered(userID: id, email: email, name: name, preferences: preferences, at: time)]
    }

    /// Chooses a plan; the same once more renews it.
    ///
    /// - Throws: `notRegistered`, `inactive`; `empty` without a plan.
    public func subscribe(
        to plan: String,
        paymentMethod: String,
        at time: Timestamp
    ) throws(UserError) -> [UserEvent] {
        try requireActive()
        guard !plan.isEmpty else { throw .empty(field: "plan") }
        return [.subscribed(userID: id, plan: plan, paymentMethod: paymentMethod, at: time)]
    }

    /// Replaces what the user likes.
    ///
    /// - Throws: `notRegistered`, `inactive`.
    public func updatePreferences(to preferences: [String], at time: Timestamp) throws(UserError) -> [UserEvent] {
        try requireActive()
        return [.preferencesUpdated(userID: id, from: self.preferences, to: preferences, at: time)]
    }

    /// Leaves.
    ///
    /// - Throws: `notRegistered`; `inactive` for a user who left already.
    public func deactivate(at time: Timestamp) throws(UserError) -> [UserEvent] {
        try requireActive()
        return [.deactivated(userID: id, at: time)]
    }

    private func requireActive() throws(UserError) {
        guard isRegistered else { throw .notRegistered(user: id) }
        guard !isDeactivated else { throw .inactive(user: id) }
    }

    // MARK: What happened

    /// Takes in what happened.
    public mutating func apply(_ event: UserEvent) {
        switch event {
        case .registered(_, let email, let name, let preferences, _):
            self.email = email
            self.name = name
            self.preferences = preferences
        case .subscribed(_, let plan, _, _): self.plan = plan
        case .preferencesUpdated(_, _, let preferences, _): self.preferences = preferences
        case .deactivated: isDeactivated = true
        }
    }
}

/// Why a user's decision is refused.
public enum UserError: Error, Hashable, CustomStringConvertible {
    /// There is an account, perhaps one that was left.
    case alreadyRegistered(user: String)
    /// There is no account.
    case notRegistered(user: String)
    /// The user left.
    case inactive(user: String)
    /// A text that must say something is empty.
    case empty(field: String)

    /// The reason in one clause.
    public var description: String {
        switch self {
        case .alreadyRegistered(let user): "user \(user) is registered already"
        case .notRegistered(let user): "user \(user) is not registered"
        case .inactive(let user): "user \(user) is inactive"
        case .empty(let field): "\(field) is empty"
        }
    }
}
