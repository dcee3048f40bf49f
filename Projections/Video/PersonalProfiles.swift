public import Refold
import VideoDomain

/// What each user watched, in which quality and for how long, and what to recommend to them.
///
/// A view is the start of a session; the first view of a video is the first by its user, as far as `watched_videos`
/// remembers. Then, and only then, the user's recommendations are computed anew (`Recommender`), after the view itself was
/// counted. Everything is bounded: `watched_videos` holds the latest ``mostWatched`` first views, and a video that fell
/// out of it is new when it is watched again; a first view is counted together with the ``mostPairs`` before it; each
/// video remembers the ``mostCompanions`` that its viewers watched most, and one row the ``mostPopular`` videos with the
/// most viewers.
///
/// Of a session that is there another start changes nothing, and neither do events of a session that was never started
/// or has ended, or a heartbeat older than the last.
public struct PersonalProfiles: Projection {
    /// `personal_profiles`.
    public let name: ProjectionName = "personal_profiles"
    /// The first.
    public let version = 1
    /// All events of sessions.
    public let eventTypes: [EventType] = [
        .streamingStarted, .streamingQualityChanged, .streamingHeartbeat, .streamingEnded,
    ]
    /// A user's recommendations whenever they change, to the stream of that user.
    public let emittedTypes: [EventType] = [.recommendationUpdated]
    /// The table `personal_profiles`, key `user_id`, and three tables of its own.
    public let model: ReadModel
    /// The users who watched in the last 30 days.
    public var defaultHotSet: HotSetSettings { HotSetSettings(.recent(column: "updated_at", within: .days(30))) }

    /// How many videos `watched_videos` holds; the oldest give way.
    public static let mostWatched = 100
    /// With how many videos before it a first view is counted.
    public static let mostPairs = 20
    /// How many videos are remembered that viewers of a video watched, too.
    public static let mostCompanions = 50
    /// How many popular videos are remembered.
    public static let mostPopular = 100

    private let profiles: Table
    private let watchedVideos: Column<[Text]>
    private let preferredQuality: Column<Text>
    private let viewingSeconds: Column<Int64>
    private let recommendations: Column<[Text]>
    private let modelVersion: Column<Text>
    private let updatedAt: Column<Timestamp>

    private let sessions: Table
    private let userID: Column<Text>
    private let lastHeartbeat: Column<Timestamp>
    private let watchedSeconds: Column<Int64>
    private let isEnded: Column<Bool>

    private let videos: Table
    private let viewers: Column<Int64>
    private let companions: Column<[Text]>
    private let companionCounts: Column<IntegerList>

    private let popularity: Table
    private let popularVideos: Column<[Text]>
    private let popularCounts: Column<IntegerList>

    /// Lays the tables out.
    public init() {
        var model = ReadModel()
        profiles = model.addTable("personal_profiles", key: .text("user_id"))
        watchedVideos = model.addColumn("watched_videos", to: profiles)
        preferredQuality = model.addColumn("preferred_quality", to: profiles)
        viewingSeconds = model.addColumn("viewing_seconds", to: profiles)
        recommendations = model.addColumn("recommendations", to: profiles)
        modelVersion = model.addColumn("model_version", to: profiles)
        updatedAt = model.addColumn("updated_at", to: profiles)

        sessions = model.addTable("profile_sessions", key: .text("session_id"), isPublic: false)
        userID = model.addColumn("user_id", to: sessions)
        lastHeartbeat = model.addColumn("last_heartbeat", to: sessions)
        watchedSeconds = model.addColumn("watched_seconds", to: sessions)
        isEnded = model.addColumn("is_ended", to: sessions)

        videos = model.addTable("video_companions", key: .text("video_id"), isPublic: false)
        viewers = model.addColumn("viewers", to: videos)
        companions = model.addColumn("companions", to: videos)
        companionCounts = model.addColumn("counts", to: videos)

        popularity = model.addTable("popular_videos", key: .integer("id"), isPublic: false)
        popularVideos = model.addColumn("videos", to: popularity)
        popularCounts = model.addColumn("viewers", to: popularity)
        self.model = model
    }

    /// Applies one event to its user's profile.
    public func apply(_ event: Event, to rows: Rows) throws {
        let time = try event.timestamp
        switch event.type {
        case .streamingHeartbeat: try keepAlive(StreamingHeartbeat(event.payload), at: time, in: rows)
        case .streamingStarted: try start(StreamingStarted(event.payload), at: time, in: rows)
        case .streamingQualityChanged:
            let changed = StreamingQualityChanged(event.payload)
            let (sessionID, quality) = try (changed.sessionID, changed.newQuality)
            guard let session = try running(sessionID, in: rows) else { return }
            let profile = try rows.findOrInsert(profiles, session[userID])
            profile[preferredQuality] = quality
            profile[updatedAt] = time
        case .streamingEnded:
            try running(StreamingEnded(event.payload).sessionID, in: rows)?[isEnded] = true
        default: break
        }
    }

    private func start(_ event: StreamingStarted, at time: Timestamp, in rows: Rows) throws {
        let (sessionID, user, video, quality) = try (event.sessionID, event.userID, event.videoID, event.quality)
        guard try rows.find(sessions, sessionID) == nil else { return }
        let session = try rows.findOrInsert(sessions, sessionID)
        session[userID] = user
        session[lastHeartbeat] = time

        let profile = try rows.findOrInsert(profiles, user)
        profile[preferredQuality] = quality
        profile[updatedAt] = time
        let watched = profile[watchedVideos]
        guard !watched.contains(video) else { return }
        try countFirstView(of: video, after: watched.suffix(Self.mostPairs), in: rows)
        profile[watchedVideos] = (watched + [video]).suffix(Self.mostWatched)
        guard try recommend(to: profile, in: rows) else { return }
        try rows.emit(
            .recommendationUpdated,
            to: user,
            [
                "user_id": .text(String(user)),
                "recommendations": .array(profile[recommendations].map { .text(String($0)) }),
                "model_version": .text(String(profile[modelVersion])),
            ]
        )
    }

    private func keepAlive(_ event: StreamingHeartbeat, at time: Timestamp, in rows: Rows) throws {
        let (sessionID, currentTime) = try (event.sessionID, event.currentTime)
        guard let session = try running(sessionID, in: rows), time >= session[lastHeartbeat] else { return }
        let watched = max(session[watchedSeconds], Int64(currentTime))
        let profile = try rows.findOrInsert(profiles, session[userID])
        try profile.add(watched - session[watchedSeconds], to: viewingSeconds)
        profile[updatedAt] = time
        session[lastHeartbeat] = time
        session[watchedSeconds] = watched
    }

    /// The session if it was started and has not ended.
    private func running(_ sessionID: Text, in rows: Rows) throws -> Row? {
        guard let session = try rows.find(sessions, sessionID), !session[isEnded] else { return nil }
        return session
    }

    // MARK: Recommending

    /// Counts a viewer of a video, and the video together with those that this viewer watched before.
    private func countFirstView(of video: Text, after others: ArraySlice<Text>, in rows: Rows) throws {
        try rows.load(videos, others + [video])
        let row = try rows.findOrInsert(videos, video)
        try row.add(1, to: viewers)
        for other in others {
            try count(other, with: row)
            try count(video, with: rows.findOrInsert(videos, other))
        }

        let popular = try rows.findOrInsert(popularity, 0)
        var counted = CountedVideos(popular[popularVideos], popular[popularCounts])
        counted.note(video, count: row[viewers], limit: Self.mostPopular)
        popular[popularVideos] = counted.videos
        popular[popularCounts] = counted.counts
    }

    private func count(_ companion: Text, with video: Row) throws {
        var counted = CountedVideos(video[companions], video[companionCounts])
        counted.count(companion, limit: Self.mostCompanions)
        video[companions] = counted.videos
        video[companionCounts] = counted.counts
    }

    /// Computes a user's recommendations anew.
    ///
    /// - Returns: whether they are others than before.
    private func recommend(to profile: Row, in rows: Rows) throws -> Bool {
        let watched = profile[watchedVideos]
        let counting = watched.suffix(Self.mostPairs)
        let popular = try rows.findOrInsert(popularity, 0)
        let recommended = Recommender.recommend(
            watched: watched,
            companions: try counting.map { video in
                let row = try rows.findOrInsert(videos, video)
                return CountedVideos(row[companions], row[companionCounts])
            },
            popular: CountedVideos(popular[popularVideos], popular[popularCounts])
        )
        let isChanged = recommended != profile[recommendations] || profile[modelVersion] != Recommender.version
        profile[recommendations] = recommended
        profile[modelVersion] = Recommender.version
        return isChanged
    }
}
