public import Refold

extension EventType {
    /// A user made an account; see `UserRegistered`.
    public static let userRegistered: EventType = "user.registered"
    /// A user chose a plan; see `UserSubscribed`.
    public static let userSubscribed: EventType = "user.subscribed"
    /// A user changed what they like; see `PreferencesUpdated`.
    public static let preferencesUpdated: EventType = "user.preferences_updated"
    /// A user left; see `UserDeactivated`.
    public static let userDeactivated: EventType = "user.deactivated"
    /// A title joined the catalogue; see `ContentAdded`.
    public static let contentAdded: EventType = "content.added"
    /// A user watched some of a title; see `ContentWatched`.
    public static let contentWatched: EventType = "content.watched"
    /// A user rated a title; see `ContentRated`.
    public static let contentRated: EventType = "content.rated"
    /// A viewing session began; see `StreamingStarted`.
    public static let streamingStarted: EventType = "streaming.started"
    /// A session goes on in another quality; see `StreamingQualityChanged`.
    public static let streamingQualityChanged: EventType = "streaming.quality_changed"
    /// A session is still there; see `StreamingHeartbeat`.
    public static let streamingHeartbeat: EventType = "streaming.heartbeat"
    /// A session is over; see `StreamingEnded`.
    public static let streamingEnded: EventType = "streaming.ended"
    /// A user gets other recommendations; see `RecommendationUpdated`.
    public static let recommendationUpdated: EventType = "recommendation.updated"
}
