public import Refold
public import VideoDomain

/// Which content is being watched now: views that fade with time.
///
/// Forward exponential decay (Cormode, Shkapenyuk, Srivastava, Xu, "Forward Decay", ICDE 2009), kept as a base-2
/// logarithm so that it never overflows: a watch at time t with weight w = 1 + hours watched adds 2^x with
/// x = log2(w) + (t − L) / h, for the landmark L = 2020-01-01 and the half-life h. The order by score is right at every
/// moment without touching a row again; the decayed value at time T is 2^(score − (T − L) / h).
public struct TrendingScore: Projection {
    /// `trending_score`.
    public let name: ProjectionName = "trending_score"
    /// The first.
    public let version = 1
    /// Views alone.
    public let eventTypes: [EventType] = [.contentWatched]
    /// The table `trending_score`, key `content_id`.
    public let model: ReadModel
    /// The half-life, since it changes the scores.
    public var settings: [ProjectionSetting] { [.halfLife(halfLife)] }
    /// The contents watched most now, with their ranking, over all and by genre.
    public var defaultHotSet: HotSetSettings {
        HotSetSettings(.top(column: "score"), ranking: HotRanking(score: "score", group: "genre"))
    }

    private let halfLife: Duration
    /// For the fold, which asks for every view.
    private let halfLifeInSeconds: Double
    private let scores: Table
    private let genre: Column<Text?>
    private let score: Column<Double>
    private let lastWatched: Column<Timestamp>

    /// - Parameter halfLife: the time in which a view loses half its weight.
    public init(halfLife: Duration = DecayedViews.defaultHalfLife) {
        self.halfLife = halfLife
        halfLifeInSeconds = halfLife.inSeconds
        var model = ReadModel()
        scores = model.addTable("trending_score", key: .text("content_id"))
        genre = model.addColumn("genre", to: scores)
        score = model.addColumn("score", to: scores)
        lastWatched = model.addColumn("last_watched", to: scores)
        self.model = model
    }

    /// The same with another half-life.
    public func with(_ values: SettingValues) -> Self { Self(halfLife: values.duration("half-life")) }

    /// Applies one view to the content's score.
    public func apply(_ event: Event, to rows: Rows) throws {
        let time = try event.timestamp
        let watched = ContentWatched(event.payload)
        let (contentID, duration, newGenre) = try (watched.contentID, watched.watchDuration, watched.genre)
        let view = DecayedViews.oneView(of: duration, at: time, halfLife: halfLifeInSeconds)

        let known = try rows.find(scores, contentID)
        let content = try known ?? rows.findOrInsert(scores, contentID)
        content[score] = known == nil ? view : DecayedViews.sum(content[score], view)
        if let newGenre { content[genre] = newGenre }
        content[lastWatched] = time
    }
}
