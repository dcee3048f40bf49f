import Refold
import RefoldTestKit
import Testing
import VideoDomain
import VideoProjections

@Suite("User profiles")
struct UserProfilesTests {
    private let fold = ProjectionFold(UserProfiles())

    private func register(_ user: String = "u", at time: String = "2024-01-01T00:00:00Z") throws {
        try fold.given(
            .userRegistered,
            """
            {"user_id": "\(user)", "email": "a@example.org", "name": "Ann", "initial_preferences": ["drama", "comedy"],
             "registration_timestamp": "1999-01-01T00:00:00Z"}
            """,
            at: time
        )
    }

    private func watch(_ more: String, seconds: String = "60", at time: String = "2024-01-01T00:00:00Z") throws {
        try fold.given(.contentWatched, #"{"user_id": "u", "watch_duration_seconds": \#(seconds)\#(more)}"#, at: time)
    }

    private var profile: [String: RowValue]? { fold.row("user_profiles", "u") }

    @Test("A registration makes a fresh profile; times are the event's own")
    func registered() throws {
        try register(at: "2024-03-01T10:00:00Z")
        #expect(
            fold.rows("user_profiles") == [
                "u": [
                    "email": "a@example.org", "name": "Ann", "subscription_plan": "free",
                    "preferences": ["drama", "comedy"], "total_watch_time": 0,
                    "favorite_genres": ["comedy", "drama"], "last_active": .time("2024-03-01T10:00:00Z"),
                    "registration_date": .time("2024-03-01T10:00:00Z"), "is_premium": false,
                ]
            ]
        )
    }

    @Test("Registering again resets everything but the registration date")
    func registeredAgain() throws {
        try register(at: "2024-03-01T10:00:00Z")
        try fold.given(.userSubscribed, #"{"user_id": "u", "plan": "premium"}"#)
        try watch(#", "genre": "horror""#)
        try fold.given(.preferencesUpdated, #"{"user_id": "u", "new_preferences": ["news"]}"#)
        try fold.given(
            .userRegistered,
            #"{"user_id": "u", "email": "b@example.org", "name": "Bob", "initial_preferences": ["sport"]}"#,
            at: "2024-04-01T00:00:00Z"
        )
        #expect(
            profile == [
                "email": "b@example.org", "name": "Bob", "subscription_plan": "free", "preferences": ["sport"],
                "total_watch_time": 0, "favorite_genres": ["sport"], "last_active": .time("2024-04-01T00:00:00Z"),
                "registration_date": .time("2024-03-01T10:00:00Z"), "is_premium": false,
            ]
        )
    }

    @Test("Preferences keep their order and repetitions; favourite genres are distinct and sorted by code point")
    func preferences() throws {
        try fold.given(
            .userRegistered,
            #"""
            {"user_id": "u", "email": "", "name": "", "initial_preferences": ["b", "é", "a", "b", "", "Z", "🎬", "｡"]}
            """#
        )
        #expect(profile?["preferences"] == ["b", "é", "a", "b", "", "Z", "🎬", "｡"])
        // U+FF61 comes before U+1F3AC by code point, though not by UTF-16 unit.
        #expect(profile?["favorite_genres"] == ["", "Z", "a", "b", "é", "｡", "🎬"])
        #expect(profile?["email"] == "")
        try fold.given(.preferencesUpdated, #"{"user_id": "u", "new_preferences": []}"#)
        #expect(profile?["preferences"] == [])
        #expect(profile?["favorite_genres"] == ["", "Z", "a", "b", "é", "｡", "🎬"])
    }

    @Test("A plan is premium unless it is exactly `free`", arguments: ["basic", "Free", "", "free ", "premium"])
    func subscribed(plan: String) throws {
        try register()
        try fold.given(.userSubscribed, #"{"user_id": "u", "plan": "\#(plan)"}"#, at: "2024-01-02T00:00:00Z")
        #expect(profile?["subscription_plan"] == .text(Text(plan)))
        #expect(profile?["is_premium"] == true)
        #expect(profile?["last_active"] == .time("2024-01-02T00:00:00Z"))
        try fold.given(.userSubscribed, #"{"user_id": "u", "plan": "free"}"#)
        #expect(profile?["is_premium"] == false)
    }

    @Test("A watch adds its time and its genre; without a genre `unknown` joins, an empty one is a genre")
    func watched() throws {
        try register()
        try watch(#", "genre": "drama""#)
        #expect(profile?["favorite_genres"] == ["comedy", "drama"])
        try watch("", seconds: "3.6e3")
        try watch(#", "genre": null"#, seconds: "0")
        try watch(#", "genre": """#, seconds: "1000000000", at: "2024-01-05T00:00:00Z")
        #expect(profile?["total_watch_time"] == 1_000_003_660)
        #expect(profile?["favorite_genres"] == ["", "comedy", "drama", "unknown"])
        #expect(profile?["last_active"] == .time("2024-01-05T00:00:00Z"))
        #expect(profile?["preferences"] == ["drama", "comedy"])
    }

    @Test("Users who never registered get no row")
    func unregistered() throws {
        try fold.given(.userSubscribed, #"{"user_id": "u", "plan": "premium"}"#)
        try fold.given(.preferencesUpdated, #"{"user_id": "u", "new_preferences": ["a"]}"#)
        try watch("")
        #expect(fold.count(of: "user_profiles") == 0)
        try register()
        #expect(profile?["total_watch_time"] == 0)
        #expect(profile?["subscription_plan"] == "free")
    }

    @Test("last_active is the last event's time even when clocks go back")
    func clocksGoBack() throws {
        try register(at: "2024-03-01T00:00:00Z")
        try watch("", at: "2023-01-01T00:00:00.000001Z")
        #expect(profile?["last_active"] == .time("2023-01-01T00:00:00.000001Z"))
        try register(at: "2022-01-01T00:00:00Z")
        #expect(profile?["registration_date"] == .time("2024-03-01T00:00:00Z"))
        #expect(profile?["last_active"] == .time("2022-01-01T00:00:00Z"))
    }

    @Test("Ratings, new contents and unknown types pass by, whatever they say")
    func otherTypes() throws {
        try register()
        try fold.given(.contentRated, "[]")
        try fold.given(.contentAdded, "null", at: .infinity)
        #expect(fold.lastChange(of: "user_profiles", "u") == 1)
    }

    // MARK: Refusals

    @Test(
        "A field that is needed and missing, null or of another type refuses the event by name",
        arguments: [
            (EventType.userRegistered, "email", "text"), (.userRegistered, "name", "text"),
            (.userRegistered, "initial_preferences", "texts"), (.userRegistered, "user_id", "text"),
            (.userSubscribed, "plan", "text"), (.userSubscribed, "user_id", "text"),
            (.preferencesUpdated, "new_preferences", "texts"), (.preferencesUpdated, "user_id", "text"),
            (.contentWatched, "watch_duration_seconds", "integer"), (.contentWatched, "user_id", "text"),
        ]
    )
    func needed(type: EventType, field: String, kind: String) throws {
        try register()
        let whole: [String: String] = [
            "user_id": #""u""#, "email": #""e""#, "name": #""n""#, "initial_preferences": "[]", "plan": #""p""#,
            "new_preferences": "[]", "watch_duration_seconds": "1",
        ]
        let wrong = kind == "text" ? ["7", "true", "[]", "{}"] : [#""7""#, "true", "{}", #"["a", 1]"#, "7.5"]
        for value in [nil, "null"] + wrong.map({ Optional($0) }) {
            var fields = whole
            fields[field] = value
            let payload = "{\(fields.map { #""\#($0.key)": \#($0.value)"# }.joined(separator: ","))}"
            let refusal = #expect(throws: EventRefusal.self, "\(payload)") { try fold.given(type, payload) }
            #expect(refusal?.field == field)
            #expect(refusal?.code == (value == nil || value == "null" ? .missing : .wrongType), "\(payload)")
            #expect(refusal?.reason.contains("expected") == true)
        }
        #expect(fold.lastChange(of: "user_profiles", "u") == 1, "refused events change nothing")
    }

    @Test(
        "A watch of less than nothing or of more than 10⁹ seconds is refused",
        arguments: ["-1", "1000000001", "1e30"]
    )
    func outOfRange(seconds: String) throws {
        try register()
        let refusal = #expect(throws: EventRefusal.self) { try watch("", seconds: seconds) }
        #expect(refusal?.field == "watch_duration_seconds")
        #expect(refusal?.code == .outOfRange)
        #expect(profile?["total_watch_time"] == 0)
    }

    @Test("Only fields that the projection reads can refuse")
    func unreadFields() throws {
        try register()
        try watch(#", "completion_percentage": "all", "content_id": 7, "title": [], "other": 1e999, "x": "\u0000""#)
        try fold.given(.userSubscribed, #"{"user_id": "u", "plan": "a", "payment_method": "\ud800"}"#)
        try fold.given(.preferencesUpdated, #"{"user_id": "u", "new_preferences": [], "old_preferences": 1}"#)
        #expect(fold.lastChange(of: "user_profiles", "u") == 4)
    }

    @Test("Texts that PostgreSQL cannot store are refused", arguments: [#"a\u0000b"#, #"\ud800"#, #"\udc00\ud800"#])
    func unstorable(text: String) throws {
        try register()
        let refusal = #expect(throws: EventRefusal.self) {
            try fold.given(.userSubscribed, #"{"user_id": "u", "plan": "\#(text)"}"#)
        }
        #expect(refusal?.code == .invalidText)
        let inList = #expect(throws: EventRefusal.self) {
            try fold.given(.preferencesUpdated, #"{"user_id": "u", "new_preferences": ["a", "\#(text)"]}"#)
        }
        #expect(inList?.field == "new_preferences")
    }

    @Test("Infinite timestamps are refused", arguments: [Timestamp.infinity, .negativeInfinity])
    func infinite(time: Timestamp) throws {
        try register()
        let refusal = #expect(throws: EventRefusal.self) {
            try fold.given(.userSubscribed, #"{"user_id": "u", "plan": "p"}"#, at: time)
        }
        #expect(refusal?.field == "timestamp")
        #expect(profile?["subscription_plan"] == "free")
    }

    @Test("Watch time that overflows refuses the event, and nothing of it stays")
    func overflow() throws {
        fold.place(
            [
                "email": "e", "name": "n", "subscription_plan": "free", "preferences": [], "favorite_genres": [],
                "total_watch_time": .integer(.max - 100),
            ],
            in: "user_profiles",
            "u"
        )
        try watch(#", "genre": "a""#, seconds: "100")
        let before = profile
        let refusal = #expect(throws: EventRefusal.self) { try watch(#", "genre": "b""#, seconds: "1") }
        #expect(refusal?.code == .overflow)
        #expect(refusal?.reason.contains("user_profiles") == true)
        #expect(profile == before)
        #expect(profile?["total_watch_time"] == .integer(.max))
    }

    @Test("An empty user id is an id like any other")
    func emptyID() throws {
        try register("")
        try fold.given(.contentWatched, #"{"user_id": "", "watch_duration_seconds": 5}"#)
        #expect(fold.row("user_profiles", "")?["total_watch_time"] == 5)
    }
}
