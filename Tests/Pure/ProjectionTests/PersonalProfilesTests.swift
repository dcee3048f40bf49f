import Refold
import RefoldTestKit
import TestSupport
import Testing
import VideoDomain
import VideoProjections

@Suite("Personal profiles")
struct PersonalProfilesTests {
    private let fold = ProjectionFold(PersonalProfiles())

    /// A user watches a video in a session of its own.
    private func watch(_ user: String, _ videos: String..., in fold: ProjectionFold? = nil) throws {
        for video in videos {
            let session = "\(user) \(video) \((fold ?? self.fold).position)"
            try (fold ?? self.fold).given(
                StreamingEvent(session, .started(user: user, video: video, quality: "1080p"), at: 0)
            )
        }
    }

    private func profile(_ user: RowValue) -> [String: RowValue] { fold.row("personal_profiles", user) ?? [:] }

    @Test("A profile has what was watched, the latest quality, and the time of all sessions")
    func life() throws {
        try fold.given(
            StreamingEvent("s", .started(user: "u", video: "v", quality: "1080p"), at: 0),
            StreamingEvent("s", .heartbeat(12.5), at: 13),
            StreamingEvent("s", .qualityChanged("4k"), at: 14),
            StreamingEvent("s", .heartbeat(20), at: 20),
            StreamingEvent("s", .heartbeat(90), at: 19),
            StreamingEvent("s", .heartbeat(5), at: 21)
        )
        #expect(
            profile("u") == [
                "watched_videos": ["v"], "preferred_quality": "4k", "viewing_seconds": 20, "recommendations": [],
                "model_version": "co-views-1", "updated_at": .timestamp(Timestamp(microseconds: 21_000_000)),
            ]
        )
        try fold.given(
            StreamingEvent("s", .ended, at: 22),
            StreamingEvent("s", .heartbeat(100), at: 100),
            StreamingEvent("s", .qualityChanged("720p"), at: 100),
            StreamingEvent("s", .started(user: "u", video: "w", quality: "720p"), at: 100),
            StreamingEvent("nobody's", .heartbeat(100), at: 100)
        )
        #expect(profile("u")["preferred_quality"] == "4k" && profile("u")["viewing_seconds"] == 20)
        #expect(profile("u")["watched_videos"] == ["v"])
        try fold.given(
            StreamingEvent("t", .started(user: "u", video: "v", quality: "720p"), at: 200),
            StreamingEvent("t", .heartbeat(7), at: 207)
        )
        #expect(profile("u")["preferred_quality"] == "720p" && profile("u")["viewing_seconds"] == 27)
        #expect(profile("u")["watched_videos"] == ["v"])
    }

    @Test("Recommendations are emitted when they change, and only then")
    func emitted() throws {
        func updated(_ user: String, _ videos: JSON...) -> EmittedEvent {
            EmittedEvent(
                .recommendationUpdated,
                to: user,
                ["user_id": .text(user), "recommendations": .array(videos), "model_version": "co-views-1"]
            )
        }
        try watch("a", "z")
        try watch("b", "z", "y")
        try watch("c", "z", "z")
        #expect(fold.emitted == [updated("a"), updated("b"), updated("c", "y")])
        try fold.given(StreamingEvent("s", .started(user: "c", video: "y", quality: "720p"), at: 0))
        #expect(fold.emitted.dropFirst(3) == [updated("c")])
    }

    @Test("A newcomer gets the popular videos, of equal ones the first by id")
    func newcomer() throws {
        try watch("a", "z")
        try watch("b", "z")
        try watch("c", "y")
        try watch("d", "x")
        try watch("new", "w")
        #expect(profile("new")["recommendations"] == ["z", "x", "y"])
    }

    @Test("What viewers of the same videos watched comes first, and never what the user watched")
    func companions() throws {
        for user in ["p", "q", "r"] { try watch(user, "popular") }
        try watch("a", "m", "n")
        try watch("b", "m", "n", "o")
        try watch("u", "m")
        #expect(profile("u")["recommendations"] == ["n", "o", "popular"])
        try watch("u", "n")
        #expect(profile("u")["recommendations"] == ["o", "popular"])
    }

    @Test("Recommendations change at the user's own first views alone")
    func recomputed() throws {
        try watch("u", "m")
        try watch("a", "m", "n")
        try watch("u", "m")
        #expect(profile("u")["recommendations"] == [])
        try watch("u", "o")
        #expect(profile("u")["recommendations"] == ["n"])
    }

    @Test("The list of watched videos has a limit, and what fell out of it is new again")
    func limit() throws {
        let most = PersonalProfiles.mostWatched
        for number in 0...most { try watch("u", "v\(number)") }
        #expect(profile("u")["watched_videos"] == .texts((1...most).map { Text("v\($0)") }))
        try watch("u", "v\(most)", "v0")
        #expect(profile("u")["watched_videos"] == .texts((2...most).map { Text("v\($0)") } + ["v0"]))
    }

    @Test("What is remembered of a video stays within its limits, whatever is watched")
    func bounds() throws {
        for number in 0..<300 { try watch("u\(number)", "hub", "v\(number)") }
        let fold = fold
        // Every one of the 300 was watched with the hub, and 50 of them are remembered.
        try watch("x", "hub")
        let recommended = try #require(profile("x")["recommendations"])
        guard case .texts(let videos) = recommended else { Issue.record("no list"); return }
        #expect(videos.count == 10)
        #expect(fold.count(of: "personal_profiles") == 301)
    }

    @Test(
        "Each field that is read refuses its event when it is missing or wrong",
        arguments: [
            (EventType.streamingStarted, #"{"user_id":"u","video_id":"v","quality":"q"}"#, "session_id"),
            (.streamingStarted, #"{"session_id":"n","video_id":"v","quality":"q"}"#, "user_id"),
            (.streamingStarted, #"{"session_id":"n","user_id":"u","quality":"q"}"#, "video_id"),
            (.streamingStarted, #"{"session_id":"n","user_id":"u","video_id":"v"}"#, "quality"),
            (.streamingHeartbeat, #"{"session_id":"s"}"#, "current_time"),
            (.streamingHeartbeat, #"{"current_time":1}"#, "session_id"),
            (.streamingQualityChanged, #"{"session_id":"s"}"#, "new_quality"), (.streamingEnded, "{}", "session_id"),
        ]
    )
    func refusals(type: EventType, payload: String, field: String) throws {
        let refusal = #expect(throws: EventRefusal.self) { try fold.given(type, payload) }
        #expect(refusal?.field == field)
        #expect(fold.count(of: "personal_profiles") == 0)
    }

    @Test("A sum of seconds that does not fit refuses its event and changes nothing")
    func overflow() throws {
        try fold.given(StreamingEvent("s", .started(user: "u", video: "v", quality: "q"), at: 0))
        let fold = ProjectionFold(PersonalProfiles())
        fold.place(["viewing_seconds": .integer(.max)], in: "personal_profiles", "u")
        try fold.given(StreamingEvent("s", .started(user: "u", video: "v", quality: "q"), at: 0))
        #expect(throws: EventRefusal.self) { try fold.given(StreamingEvent("s", .heartbeat(1), at: 1)) }
        #expect(fold.row("personal_profiles", "u")?["viewing_seconds"] == .integer(.max))
    }

    // MARK: An independent fold

    private struct User {
        var watched: [String] = []
        var quality = ""
        var seconds = 0
        var recommended: [String] = []
        var updated: Int64 = 0
    }

    private struct Session {
        let user: String
        var last: Int64
        var seconds = 0
        var isEnded = false
    }

    /// A list of at most 50 videos with counts, as the documentation describes it.
    private struct Sketch {
        var counts: [String: Int] = [:]

        mutating func count(_ video: String) {
            if counts[video] == nil, counts.count == 50 {
                let least = counts.min { ($0.value, $1.key) < ($1.value, $0.key) }!
                counts[least.key] = nil
                counts[video] = least.value
            }
            counts[video, default: 0] += 1
        }
    }

    @Test("Every profile is that of a fold that remembers all viewers", arguments: 1...6)
    func reference(seed: Int) throws {
        // In some of the logs each of a few users watches many videos, so that lists overflow.
        let isLarge = seed % 3 == 0
        let events = views(
            seed: UInt64(seed),
            users: isLarge ? 6 : 12,
            videos: isLarge ? 160 : 30,
            count: isLarge ? 1_600 : 400
        )
        try fold.given(events)
        var users: [String: User] = [:]
        var sessions: [String: Session] = [:]
        var viewers: [String: Int] = [:]
        var companions: [String: Sketch] = [:]
        for event in events {
            switch event.kind {
            case .started(let id, let video, let quality):
                guard sessions[event.session] == nil else { continue }
                sessions[event.session] = Session(user: id, last: event.time)
                var user = users[id] ?? User()
                user.quality = quality
                user.updated = event.time
                defer { users[id] = user }
                guard !user.watched.contains(video) else { continue }
                viewers[video, default: 0] += 1
                for other in user.watched.suffix(20) {
                    companions[video, default: Sketch()].count(other)
                    companions[other, default: Sketch()].count(video)
                }
                user.watched.append(video)
                user.watched = user.watched.suffix(100)
                let popular = viewers.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.prefix(100)
                var scores: [String: Int] = [:]
                for watched in user.watched.suffix(20) {
                    for (other, count) in companions[watched]?.counts ?? [:] { scores[other, default: 0] += count }
                }
                let popularity = Dictionary(uniqueKeysWithValues: popular.map { ($0.key, $0.value) })
                let order = { (left: String, right: String) in
                    (scores[left] ?? 0, popularity[left] ?? 0, right) > (
                        scores[right] ?? 0, popularity[right] ?? 0, left
                    )
                }
                let known = Set(scores.keys).union(popularity.keys).subtracting(user.watched)
                user.recommended = Array(known.sorted(by: order).prefix(10))
            case _ where sessions[event.session]?.isEnded ?? true: break
            case .ended: sessions[event.session]?.isEnded = true
            case .qualityChanged(let quality):
                guard let user = sessions[event.session]?.user else { continue }
                users[user]?.quality = quality
                users[user]?.updated = event.time
            case .heartbeat(let seconds):
                guard var session = sessions[event.session], event.time >= session.last else { continue }
                session.last = event.time
                users[session.user]?.seconds += max(0, Int(seconds) - session.seconds)
                users[session.user]?.updated = event.time
                session.seconds = max(session.seconds, Int(seconds))
                sessions[event.session] = session
            }
        }
        #expect(fold.count(of: "personal_profiles") == users.count)
        for (id, user) in users {
            #expect(
                fold.row("personal_profiles", .text(Text(id))) == [
                    "watched_videos": .texts(user.watched.map { Text($0) }),
                    "preferred_quality": .text(Text(user.quality)), "viewing_seconds": .integer(Int64(user.seconds)),
                    "recommendations": .texts(user.recommended.map { Text($0) }), "model_version": "co-views-1",
                    "updated_at": .timestamp(Timestamp(microseconds: user.updated)),
                ]
            )
        }
    }

    /// Hostile events, and between them views by few users of many videos.
    private func views(seed: UInt64, users: Int, videos: Int, count: Int) -> [StreamingEvent] {
        var generator = SeededGenerator(seed: seed)
        let hostile = StreamingEvent.hostile(seed: seed, count: 200)
        return (0..<count).map { number in
            if generator.once(in: 4) { return hostile[number % hostile.count] }
            // The least of two draws: some videos are watched far more than others.
            let video = (0..<2).map { _ in Int.random(in: 0..<videos, using: &generator) }.min() ?? 0
            return StreamingEvent(
                "view \(number)",
                .started(user: "u\(Int.random(in: 0..<users, using: &generator))", video: "v\(video)", quality: "q"),
                at: Double(number)
            )
        }
    }
}
