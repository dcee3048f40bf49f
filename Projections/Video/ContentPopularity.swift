public import Refold
public import VideoDomain

/// How often, how long and by how many each content is watched, and how it is rated.
///
/// Distinct viewers are counted exactly without a row for each pair: users are numbered in the order of their first
/// view, and each content keeps, for every 8,192 numbers, the set of those who watched it.
public struct ContentPopularity: Projection {
    /// `content_popularity`.
    public let name: ProjectionName = "content_popularity"
    /// The first.
    public let version = 1
    /// Everything that happens to a content.
    public let eventTypes: [EventType] = [.contentWatched, .contentRated, .contentAdded]
    /// The table `content_popularity`, key `content_id`, and three tables of its own for the viewers.
    public let model: ReadModel
    /// The half-life, since it changes the scores; it is that of `trending_score`.
    public var settings: [ProjectionSetting] { [.halfLife(halfLife)] }
    /// The most watched contents.
    public var defaultHotSet: HotSetSettings { HotSetSettings(.top(column: "total_views")) }

    private let halfLife: Duration
    /// For the fold, which asks for every view.
    private let halfLifeInSeconds: Double

    private let contents: Table
    private let title: Column<Text?>
    private let genre: Column<Text?>
    private let views: Column<Int64>
    private let watchTime: Column<Int64>
    private let averageCompletion: Column<Double>
    private let uniqueViewers: Column<Int64>
    private let averageRating: Column<Double>
    private let ratings: Column<Int64>
    private let trending: Column<Double?>
    private let lastUpdated: Column<Timestamp>
    private let completionSum: Column<Double>
    private let ratingSum: Column<Double>

    private let viewerNumbers: Table
    private let number: Column<Int64>
    private let viewerCount: Table
    private let count: Column<Int64>
    private let viewers: Table
    private let members: Column<NumberSet>

    /// - Parameter halfLife: the time in which a view loses half its weight in `trending_score`.
    public init(halfLife: Duration = DecayedViews.defaultHalfLife) {
        self.halfLife = halfLife
        halfLifeInSeconds = halfLife.inSeconds
        var model = ReadModel()
        contents = model.addTable("content_popularity", key: .text("content_id"))
        title = model.addColumn("title", to: contents)
        genre = model.addColumn("genre", to: contents)
        views = model.addColumn("total_views", to: contents)
        watchTime = model.addColumn("total_watch_time", to: contents)
        averageCompletion = model.addColumn("average_completion_rate", to: contents)
        uniqueViewers = model.addColumn("unique_viewers", to: contents)
        averageRating = model.addColumn("rating_average", to: contents)
        ratings = model.addColumn("rating_count", to: contents)
        trending = model.addColumn("trending_score", to: contents)
        lastUpdated = model.addColumn("last_updated", to: contents)
        completionSum = model.addColumn("completion_sum", to: contents, isPublic: false)
        ratingSum = model.addColumn("rating_sum", to: contents, isPublic: false)

        viewerNumbers = model.addTable("content_viewer_numbers", key: .text("user_id"), isPublic: false)
        number = model.addColumn("number", to: viewerNumbers)
        viewerCount = model.addTable("content_viewer_count", key: .integer("id"), isPublic: false)
        count = model.addColumn("count", to: viewerCount)
        viewers = model.addTable("content_viewers", key: .text("content_id"), .integer("part"), isPublic: false)
        members = model.addColumn("members", to: viewers)
        self.model = model
    }

    /// The same with another half-life.
    public func with(_ values: SettingValues) -> Self { Self(halfLife: values.duration("half-life")) }

    /// Applies one event to its content.
    public func apply(_ event: Event, to rows: Rows) throws {
        let time = try event.timestamp
        switch event.type {
        case .contentWatched: try watch(ContentWatched(event.payload), at: time, in: rows)
        case .contentRated: try rate(ContentRated(event.payload), at: time, in: rows)
        case .contentAdded: try add(ContentAdded(event.payload), at: time, in: rows)
        default: break
        }
    }

    private func watch(_ event: ContentWatched, at time: Timestamp, in rows: Rows) throws {
        let (userID, contentID, duration) = try (event.userID, event.contentID, event.watchDuration)
        let (completion, newGenre, newTitle) = try (event.completionPercentage, event.genre, event.title)
        let view = DecayedViews.oneView(of: duration, at: time, halfLife: halfLifeInSeconds)

        let content = try rows.findOrInsert(contents, contentID)
        try content.add(1, to: views)
        try content.add(duration, to: watchTime)
        content[completionSum] += completion
        content[averageCompletion] = content[completionSum] / Double(content[views])
        content[trending] = content[trending].map { DecayedViews.sum($0, view) } ?? view
        if let newGenre { content[genre] = newGenre }
        if let newTitle { content[title] = newTitle }
        content[lastUpdated] = time
        if try isFirstView(of: contentID, by: userID, in: rows) { try content.add(1, to: uniqueViewers) }
    }

    private func rate(_ event: ContentRated, at time: Timestamp, in rows: Rows) throws {
        let (contentID, rating) = try (event.contentID, event.rating)
        let content = try rows.findOrInsert(contents, contentID)
        try content.add(1, to: ratings)
        content[ratingSum] += rating
        content[averageRating] = content[ratingSum] / Double(content[ratings])
        content[lastUpdated] = time
    }

    private func add(_ event: ContentAdded, at time: Timestamp, in rows: Rows) throws {
        let (contentID, newTitle, newGenre) = try (event.contentID, event.title, event.genre)
        let content = try rows.findOrInsert(contents, contentID)
        content[title] = newTitle
        content[genre] = newGenre
        content[lastUpdated] = time
    }

    /// Adds the viewer to the content's viewers; false when they had watched it before.
    private func isFirstView(of contentID: Text, by userID: Text, in rows: Rows) throws -> Bool {
        let viewer = try viewerNumber(of: userID, in: rows)
        let part = viewer / Int64(NumberSet.capacity)
        let member = UInt16(viewer % Int64(NumberSet.capacity))
        return try rows.findOrInsert(viewers, contentID, part).insert(member, into: members)
    }

    /// The user's number: users are numbered from 0 in the order of their first view.
    private func viewerNumber(of userID: Text, in rows: Rows) throws -> Int64 {
        if let viewer = try rows.find(viewerNumbers, userID) { return viewer[number] }
        let total = try rows.findOrInsert(viewerCount, 0)
        let viewer = try rows.findOrInsert(viewerNumbers, userID)
        viewer[number] = total[count]
        try total.add(1, to: count)
        return viewer[number]
    }
}
