public import Refold
import VideoDomain

/// What is known of each registered user: plan, preferences, time watched, favourite genres.
///
/// A user has a row from the registration on. Events of users who never registered change nothing. Registering again
/// resets the profile but keeps the first registration date.
public struct UserProfiles: Projection {
    /// `user_profiles`.
    public let name: ProjectionName = "user_profiles"
    /// The first.
    public let version = 1
    /// Everything a user does.
    public let eventTypes: [EventType] = [
        .userRegistered, .userSubscribed, .preferencesUpdated, .contentWatched,
    ]
    /// The table `user_profiles`, key `user_id`.
    public let model: ReadModel
    /// Those who were active in the last 30 days.
    public var defaultHotSet: HotSetSettings { HotSetSettings(.recent(column: "last_active", within: .days(30))) }

    private let profiles: Table
    private let email: Column<Text>
    private let fullName: Column<Text>
    private let plan: Column<Text>
    private let preferences: Column<[Text]>
    private let watchTime: Column<Int64>
    private let favoriteGenres: Column<TextSet>
    private let lastActive: Column<Timestamp>
    private let registered: Column<Timestamp>
    private let isPremium: Column<Bool>

    private static let freePlan: Text = "free"

    /// The projection; it has no settings.
    public init() {
        var model = ReadModel()
        profiles = model.addTable("user_profiles", key: .text("user_id"))
        email = model.addColumn("email", to: profiles)
        fullName = model.addColumn("name", to: profiles)
        plan = model.addColumn("subscription_plan", to: profiles)
        preferences = model.addColumn("preferences", to: profiles)
        watchTime = model.addColumn("total_watch_time", to: profiles)
        favoriteGenres = model.addColumn("favorite_genres", to: profiles)
        lastActive = model.addColumn("last_active", to: profiles)
        registered = model.addColumn("registration_date", to: profiles)
        isPremium = model.addColumn("is_premium", to: profiles)
        self.model = model
    }

    /// Applies one event to the user's profile.
    public func apply(_ event: Event, to rows: Rows) throws {
        let time = try event.timestamp
        switch event.type {
        case .contentWatched: try watch(ContentWatched(event.payload), at: time, in: rows)
        case .userRegistered: try register(UserRegistered(event.payload), at: time, in: rows)
        case .userSubscribed: try subscribe(UserSubscribed(event.payload), at: time, in: rows)
        case .preferencesUpdated: try update(PreferencesUpdated(event.payload), at: time, in: rows)
        default: break
        }
    }

    private func register(_ event: UserRegistered, at time: Timestamp, in rows: Rows) throws {
        let (userID, newEmail, newName) = try (event.userID, event.email, event.name)
        let initialPreferences = try event.initialPreferences

        let known = try rows.find(profiles, userID)
        let profile = try known ?? rows.findOrInsert(profiles, userID)
        if known == nil { profile[registered] = time }
        profile[email] = newEmail
        profile[fullName] = newName
        profile[plan] = Self.freePlan
        profile[preferences] = initialPreferences
        profile[watchTime] = 0
        profile.replace(favoriteGenres, with: initialPreferences)
        profile[lastActive] = time
        profile[isPremium] = false
    }

    private func subscribe(_ event: UserSubscribed, at time: Timestamp, in rows: Rows) throws {
        let newPlan = try event.plan
        guard let profile = try rows.find(profiles, event.userID) else { return }
        profile[plan] = newPlan
        profile[isPremium] = newPlan != Self.freePlan
        profile[lastActive] = time
    }

    private func update(_ event: PreferencesUpdated, at time: Timestamp, in rows: Rows) throws {
        let newPreferences = try event.newPreferences
        guard let profile = try rows.find(profiles, event.userID) else { return }
        profile[preferences] = newPreferences
        profile[lastActive] = time
    }

    private func watch(_ event: ContentWatched, at time: Timestamp, in rows: Rows) throws {
        let (duration, genre) = try (event.watchDuration, event.genre ?? ContentWatched.defaultGenre)
        guard let profile = try rows.find(profiles, event.userID) else { return }
        try profile.add(duration, to: watchTime)
        profile.insert(genre, into: favoriteGenres)
        profile[lastActive] = time
    }
}
