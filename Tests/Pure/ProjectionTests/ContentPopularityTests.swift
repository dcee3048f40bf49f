import Refold
import RefoldTestKit
import Testing
import VideoDomain
import VideoProjections

@Suite("Content popularity")
struct ContentPopularityTests {
    private let fold = ProjectionFold(ContentPopularity())

    private func watch(
        _ content: String = "c",
        by user: String = "u",
        seconds: Int = 60,
        completion: String = "50",
        more: String = "",
        at time: String = "2024-01-01T00:00:00Z"
    ) throws {
        try fold.given(
            .contentWatched,
            """
            {"user_id": "\(user)", "content_id": "\(content)", "watch_duration_seconds": \(seconds),
             "completion_percentage": \(completion)\(more)}
            """,
            at: time
        )
    }

    private func rate(_ rating: String, _ content: String = "c", at time: String = "2024-01-01T00:00:00Z") throws {
        try fold.given(.contentRated, #"{"user_id": "u", "content_id": "\#(content)", "rating": \#(rating)}"#, at: time)
    }

    private var content: [String: RowValue]? { fold.row("content_popularity", "c") }

    @Test("The first view makes the row")
    func firstView() throws {
        try watch(seconds: 3600, completion: "12.5", at: "2020-01-02T00:00:00Z")
        #expect(
            fold.rows("content_popularity") == [
                "c": [
                    "title": nil, "genre": nil, "total_views": 1, "total_watch_time": 3600,
                    "average_completion_rate": 12.5, "unique_viewers": 1, "rating_average": 0.0, "rating_count": 0,
                    "trending_score": 2.0, "last_updated": .time("2020-01-02T00:00:00Z"),
                ]
            ]
        )
    }

    @Test("A rating before the first view makes the row too, and is not lost")
    func ratedFirst() throws {
        try rate("4.5", at: "2024-02-01T00:00:00Z")
        #expect(
            content == [
                "title": nil, "genre": nil, "total_views": 0, "total_watch_time": 0, "average_completion_rate": 0.0,
                "unique_viewers": 0, "rating_average": 4.5, "rating_count": 1, "trending_score": nil,
                "last_updated": .time("2024-02-01T00:00:00Z"),
            ]
        )
        try watch()
        try rate("1")
        #expect(content?["rating_average"] == 2.75)
        #expect(content?["rating_count"] == 2)
        #expect(content?["total_views"] == 1)
        #expect(content?["trending_score"] != .null)
    }

    @Test("A content that was added has title and genre and nothing else")
    func added() throws {
        try fold.given(.contentAdded, #"{"content_id": "c", "title": "T", "genre": "g"}"#, at: "2024-02-01T00:00:00Z")
        #expect(
            content == [
                "title": "T", "genre": "g", "total_views": 0, "total_watch_time": 0, "average_completion_rate": 0.0,
                "unique_viewers": 0, "rating_average": 0.0, "rating_count": 0, "trending_score": nil,
                "last_updated": .time("2024-02-01T00:00:00Z"),
            ]
        )
        try fold.given(.contentAdded, #"{"content_id": "c", "title": "", "genre": ""}"#)
        #expect(content?["title"] == "")
        #expect(content?["genre"] == "")
    }

    @Test("Title and genre are the last ones said; a view that says none leaves them, an empty one is a value")
    func titleAndGenre() throws {
        try watch(more: #", "title": "One", "genre": "drama""#)
        try watch()
        try watch(more: #", "title": null"#)
        #expect(content?["title"] == "One")
        #expect(content?["genre"] == "drama")
        try fold.given(.contentAdded, #"{"content_id": "c", "title": "Two", "genre": "news"}"#)
        try watch(more: #", "genre": """#)
        #expect(content?["title"] == "Two")
        #expect(content?["genre"] == "")
    }

    @Test("Views, time and completion are those of all views")
    func sums() throws {
        for completion in ["0", "100", "99.9", "1e-3"] { try watch(seconds: 7, completion: completion) }
        #expect(content?["total_views"] == 4)
        #expect(content?["total_watch_time"] == 28)
        #expect(content?["average_completion_rate"] == .double((0 + 100 + 99.9 + 1e-3) / 4))
    }

    @Test("A viewer counts once for each content")
    func uniqueViewers() throws {
        for user in ["a", "b", "a", "", "", "A", "é"] { try watch(by: user) }
        try watch("other", by: "b")
        #expect(content?["unique_viewers"] == 5)
        #expect(content?["total_views"] == 7)
        #expect(fold.row("content_popularity", "other")?["unique_viewers"] == 1)
    }

    @Test("Ids that look the same and have other bytes are others")
    func normalisation() throws {
        for id in ["\u{e9}", "e\u{301}"] {
            try watch(id, by: "u")
            try watch(by: id)
        }
        #expect(content?["unique_viewers"] == 2)
        #expect(fold.count(of: "content_popularity") == 3)
    }

    @Test("More viewers than one set holds are counted exactly")
    func manyViewers() throws {
        let viewers = 8192 * 2 + 3
        for viewer in 0..<viewers {
            try watch(by: "user \(viewer)")
            if viewer % 3 == 0 { try watch("thirds", by: "user \(viewer)") }
        }
        for viewer in stride(from: 0, to: viewers, by: 7) { try watch(by: "user \(viewer)") }
        #expect(content?["unique_viewers"] == .integer(Int64(viewers)))
        #expect(fold.row("content_popularity", "thirds")?["unique_viewers"] == .integer(Int64((viewers + 2) / 3)))
        #expect(fold.row("content_viewers", "c", 0)?["members"] == .numbers(Set(0..<8192)))
        #expect(fold.row("content_viewers", "c", 2)?["members"] == .numbers([0, 1, 2]))
        #expect(fold.row("content_viewers", "c", 3) == nil)
        #expect(fold.row("content_viewer_count", 0)?["count"] == .integer(Int64(viewers)))
    }

    @Test("Its trending score is the one of trending_score, bit for bit")
    func trending() throws {
        let other = ProjectionFold(TrendingScore())
        for (seconds, time) in [
            (60, "2024-01-01T00:00:00Z"), (0, "2023-12-24T18:00:00.123456Z"), (9000, "2024-02-01T00:00:00Z"),
        ] {
            try watch(seconds: seconds, at: time)
            try other.given(
                .contentWatched,
                #"{"content_id": "c", "watch_duration_seconds": \#(seconds)}"#,
                at: time
            )
            #expect(content?["trending_score"] == other.row("trending_score", "c")?["score"])
        }
    }

    @Test("last_updated is the last event's time even when clocks go back")
    func clocksGoBack() throws {
        try watch(at: "2024-01-01T00:00:00Z")
        try rate("3", at: "2023-01-01T00:00:00Z")
        #expect(content?["last_updated"] == .time("2023-01-01T00:00:00Z"))
    }

    @Test("What users do apart from contents passes by")
    func otherTypes() throws {
        for type: EventType in [.userRegistered, .userSubscribed, .preferencesUpdated] { try fold.given(type, "[]") }
        #expect(fold.count(of: "content_popularity") == 0)
    }

    // MARK: Refusals

    @Test(
        "Fields that it reads refuse by name and change nothing, not even the numbers of viewers",
        arguments: [
            (EventType.contentWatched, "user_id", "7"), (.contentWatched, "content_id", "null"),
            (.contentWatched, "watch_duration_seconds", "0.5"), (.contentWatched, "watch_duration_seconds", "-1"),
            (.contentWatched, "watch_duration_seconds", "1000000001"),
            (.contentWatched, "completion_percentage", "-0.1"),
            (.contentWatched, "completion_percentage", "100.1"), (.contentWatched, "completion_percentage", #""50""#),
            (.contentWatched, "completion_percentage", "1e400"), (.contentWatched, "genre", "7"),
            (.contentWatched, "title", "{}"), (.contentWatched, "title", #""\u0000""#),
            (.contentRated, "rating", "0.99"), (.contentRated, "rating", "5.01"), (.contentRated, "rating", "null"),
            (.contentRated, "rating", "[5]"), (.contentRated, "content_id", "true"),
            (.contentAdded, "title", "null"), (.contentAdded, "genre", "null"), (.contentAdded, "content_id", "1"),
        ]
    )
    func refused(type: EventType, field: String, value: String) throws {
        try watch(by: "known")
        let before = fold.rows("content_popularity")
        var fields = [
            "user_id": #""new""#, "content_id": #""d""#, "watch_duration_seconds": "1", "completion_percentage": "1",
            "genre": #""g""#, "title": #""t""#, "rating": "1",
        ]
        fields[field] = value
        let payload = "{\(fields.map { #""\#($0.key)": \#($0.value)"# }.joined(separator: ","))}"
        let refusal = #expect(throws: EventRefusal.self) { try fold.given(type, payload) }
        #expect(refusal?.field == field)
        #expect(fold.rows("content_popularity") == before)
        #expect(fold.count(of: "content_viewer_numbers") == 1)
        #expect(fold.count(of: "content_viewers") == 1)
    }

    @Test("Only fields that it reads can refuse")
    func unreadFields() throws {
        try watch(more: #", "other": "\ud800""#)
        try fold.given(.contentRated, #"{"content_id": "c", "rating": 5, "user_id": 7, "title": 7}"#)
        try fold.given(.contentAdded, #"{"content_id": "c", "title": "", "genre": "", "rating": "x", "user_id": null}"#)
        #expect(fold.lastChange(of: "content_popularity", "c") == 3)
    }

    @Test("The ends of the ranges are within")
    func ends() throws {
        try watch(seconds: 0, completion: "0")
        try watch(seconds: 1_000_000_000, completion: "100")
        try rate("1")
        try rate("5")
        #expect(content?["total_watch_time"] == 1_000_000_000)
        #expect(content?["rating_average"] == 3.0)
    }

    @Test("Infinite timestamps are refused", arguments: [Timestamp.infinity, .negativeInfinity])
    func infinite(time: Timestamp) throws {
        for type: EventType in [.contentWatched, .contentRated, .contentAdded] {
            let payload = """
                {"user_id": "u", "content_id": "c", "watch_duration_seconds": 1, "completion_percentage": 1, "rating": 1,
                 "title": "t", "genre": "g"}
                """
            let refusal = #expect(throws: EventRefusal.self) { try fold.given(type, payload, at: time) }
            #expect(refusal?.field == "timestamp")
        }
        #expect(fold.count(of: "content_popularity") == 0)
    }

    @Test("Watch time that overflows refuses the event, and nothing of it stays")
    func overflow() throws {
        fold.place(["total_watch_time": .integer(.max - 59)], in: "content_popularity", "c")
        let before = content
        let refusal = #expect(throws: EventRefusal.self) { try watch(seconds: 60) }
        #expect(refusal?.code == .overflow)
        #expect(content == before)
        try watch(seconds: 59)
        #expect(content?["total_watch_time"] == .integer(.max))
    }

    @Test("Ids with quotes, colons and nothing in them are ids like any other")
    func oddIDs() throws {
        for id in [#""#, #"top"#, #"genre:drama"#, #"a\"b"#, #"\\"#, " "] { try watch(id) }
        #expect(
            Set(fold.rows("content_popularity").keys) == ["", "top", "genre:drama", #"a"b"#, #"\"#, " "]
        )
    }
}
