import Foundation
import Refold
import RefoldTestKit
import Testing
import VideoDomain
import VideoProjections

@Suite("Trending scores")
struct TrendingScoreTests {
    private let fold = ProjectionFold(TrendingScore())

    private func watch(
        _ content: String = "c",
        seconds: Int = 0,
        more: String = "",
        at time: String = "2020-01-01T00:00:00Z",
        in fold: ProjectionFold? = nil
    ) throws {
        try (fold ?? self.fold).given(
            .contentWatched,
            #"{"content_id": "\#(content)", "watch_duration_seconds": \#(seconds)\#(more)}"#,
            at: time
        )
    }

    private func score(_ content: RowValue = "c") throws -> Double {
        try #require(fold.row("trending_score", content)?["score"]?.number)
    }

    @Test("A view at the landmark counts 1, so its logarithm is 0; each half-life later counts twice as much")
    func first() throws {
        try watch()
        #expect(
            fold.rows("trending_score") == [
                "c": ["genre": nil, "score": 0.0, "last_watched": .time("2020-01-01T00:00:00Z")]
            ]
        )
        try watch("day later", at: "2020-01-02T00:00:00Z")
        #expect(try score("day later") == 1)
        try watch("day before", at: "2019-12-31T00:00:00Z")
        #expect(try score("day before") == -1)
        try watch("an hour long", seconds: 3600)
        #expect(try score("an hour long") == 1)
        try watch("half an hour long", seconds: 1800)
        #expect(try score("half an hour long") == log2(1.5))
    }

    @Test("Two equal views count twice one")
    func twice() throws {
        try watch()
        try watch()
        #expect(try score() == 1)
    }

    @Test("Scores are those of the direct sum, whatever the order of the views and clocks", arguments: 1...4)
    func direct(seed: Int) throws {
        var state = UInt64(seed) &* 0x9e37_79b9_7f4a_7c15
        func random(_ limit: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % limit
        }
        let halfLife = 86_400.0
        var views: [(seconds: Int, at: Double)] = []
        for _ in 0..<300 {
            views.append((Int(random(20_000)), Double(random(60 * 86_400))))
        }
        for view in views {
            let time = try Timestamp.epoch + .seconds(631_152_000 + view.at)
            try fold.given(
                .contentWatched,
                #"{"content_id": "c", "watch_duration_seconds": \#(view.seconds)}"#,
                at: time
            )
        }
        // As the definition has it, decayed to the moment of the last view: small numbers first.
        let last = try #require(views.map(\.at).max())
        let weights = views.map { (1 + Double($0.seconds) / 3600) * exp2(($0.at - last) / halfLife) }
        let expected = log2(weights.sorted().reduce(0, +)) + last / halfLife
        #expect(abs(try score() - expected) <= 1e-12 * abs(expected))
    }

    @Test("Far apart views do not overflow, the later one outweighs")
    func farApart() throws {
        try watch(at: "0001-01-01T00:00:00Z")
        try watch(at: "9999-12-31T00:00:00Z")
        let alone = ProjectionFold(TrendingScore())
        try watch(at: "9999-12-31T00:00:00Z", in: alone)
        #expect(fold.rows("trending_score") == alone.rows("trending_score"))
        try watch(seconds: 1_000_000_000, at: "0001-01-01T00:00:00Z")
        #expect(try score() == alone.row("trending_score", "c")?["score"]?.number)
        #expect(fold.row("trending_score", "c")?["last_watched"] == .time("0001-01-01T00:00:00Z"))
    }

    @Test("The half-life is a setting, and part of what a generation is known by")
    func halfLife() throws {
        let projection = TrendingScore(halfLife: .seconds(3600))
        let fold = ProjectionFold(projection)
        try watch(at: "2020-01-01T02:00:00Z", in: fold)
        #expect(fold.row("trending_score", "c")?["score"] == 2.0)
        #expect(projection.settings != TrendingScore().settings)
        #expect(projection.settings.filter(\.changesFold).map(\.identity) == ["half-life=3600.0 seconds"])
        #expect(TrendingScore().settings == TrendingScore(halfLife: .seconds(86_400)).settings)
    }

    @Test("The genre is that of the latest view that has one; the empty text is one")
    func genre() throws {
        try watch(more: #", "genre": "drama""#)
        try watch()
        #expect(fold.row("trending_score", "c")?["genre"] == "drama")
        try watch(more: #", "genre": null"#)
        #expect(fold.row("trending_score", "c")?["genre"] == "drama")
        try watch(more: #", "genre": """#)
        #expect(fold.row("trending_score", "c")?["genre"] == "")
    }

    @Test("last_watched follows the order of events, not the clock")
    func clocksGoBack() throws {
        try watch(at: "2024-01-01T00:00:00Z")
        try watch(at: "2023-01-01T00:00:00Z")
        #expect(fold.row("trending_score", "c")?["last_watched"] == .time("2023-01-01T00:00:00Z"))
    }

    @Test("Nothing but views makes a row")
    func otherTypes() throws {
        try fold.given(.contentRated, #"{"user_id": "u", "content_id": "c", "rating": 5}"#)
        try fold.given(.contentAdded, #"{"content_id": "c", "title": "t", "genre": "g"}"#)
        #expect(fold.count(of: "trending_score") == 0)
    }

    @Test("Only fields that it reads can refuse")
    func unreadFields() throws {
        try watch(more: #", "user_id": 1, "completion_percentage": 1000, "title": {}"#)
        #expect(fold.count(of: "trending_score") == 1)
    }

    @Test(
        "Fields that it reads refuse by name and change nothing",
        arguments: [
            (#"{"watch_duration_seconds": 1}"#, "content_id"), (#"{"content_id": "c"}"#, "watch_duration_seconds"),
            (#"{"content_id": "c", "watch_duration_seconds": 1.5}"#, "watch_duration_seconds"),
            (#"{"content_id": "c", "watch_duration_seconds": -1}"#, "watch_duration_seconds"),
            (#"{"content_id": "c", "watch_duration_seconds": 1000000001}"#, "watch_duration_seconds"),
            (#"{"content_id": "c", "watch_duration_seconds": 1, "genre": 7}"#, "genre"),
            (#"{"content_id": ["c"], "watch_duration_seconds": 1}"#, "content_id"),
        ]
    )
    func refused(payload: String, field: String) throws {
        let refusal = #expect(throws: EventRefusal.self) { try fold.given(.contentWatched, payload) }
        #expect(refusal?.field == field)
        #expect(fold.count(of: "trending_score") == 0)
    }

    @Test("Payloads that are no objects and infinite timestamps are refused")
    func unusable() throws {
        for payload in ["[]", "7", "null", #""text""#] {
            let refusal = #expect(throws: EventRefusal.self) { try fold.given(.contentWatched, payload) }
            #expect(refusal?.code == .wrongType)
        }
        for time in [Timestamp.infinity, .negativeInfinity] {
            let payload = #"{"content_id": "c", "watch_duration_seconds": 1}"#
            let refusal = #expect(throws: EventRefusal.self) { try fold.given(.contentWatched, payload, at: time) }
            #expect(refusal?.code == .outOfRange)
        }
        #expect(fold.count(of: "trending_score") == 0)
    }
}
