internal import Refold
internal import VideoDomain

/// The scripted events that carry every edge of the event store's contract, in the order in which they appear.
enum SampleEdges {
    private enum Who {
        /// An odd user or content, by its place in the catalogue.
        case user(Int)
        case content(Int)
    }

    private struct Edge {
        let type: EventType
        let who: Who
        let payload: String
        /// Added to the log's clock, in seconds.
        var shift: Int64 = 0

        init(_ type: EventType, _ who: Who, _ payload: String, shift: Int64 = 0) {
            self.type = type
            self.who = who
            self.payload = payload
            self.shift = shift
        }
    }

    static let count = edges.count

    static func draft(_ index: Int, people: SamplePeople, at clock: Int64) -> SampleDraft {
        let edge = edges[index]
        let stream: SampleStream =
            switch edge.who {
            case .user(let odd): .user(people.users + odd)
            case .content(let odd): .content(people.contents + odd)
            }
        var draft = SampleDraft(edge.type, stream, at: Timestamp(microseconds: clock + edge.shift * 1_000_000))
        draft.payload.append(contentsOf: edge.payload.utf8)
        return draft
    }

    private static let edges: [Edge] = [
        // A viewer who never registers, on an id that is also the name of a sorted set; neither genre nor title.
        Edge(.contentWatched, .user(2), watch("käthe:1", "top", 3600, "50")),
        // A rating before the first view, and the view.
        Edge(.contentRated, .content(1), rate("käthe:1", "genre:drama", "4.5")),
        Edge(
            .contentWatched,
            .user(2),
            watch("käthe:1", "genre:drama", 60, "0", #","genre":"drama","title":"Quoted \"Title\" \\ back""#)
        ),
        // The empty id, and the empty string as genre and title: values, not absences.
        Edge(.contentWatched, .user(2), watch("käthe:1", "", 0, "100", #","genre":"","title":"""#)),
        Edge(.contentRated, .content(2), rate("käthe:1", "", "1")),
        // Quotes in an id, escapes instead of characters, a surrogate pair.
        Edge(.contentRated, .content(3), rate("käthe:1", #"it's \"quoted\""#, "5.0")),
        Edge(
            .contentWatched,
            .user(1),
            watch("", #"it\u0027s \u0022quoted\u0022"#, 7, "33.333333333333336", #","title":"Caf\u00e9 \ud83c\udfac""#)
        ),
        // The empty user id registers, subscribes and leaves.
        Edge(.userRegistered, .user(1), register("", "nobody@example.com", "", #"["", "drama", "drama"]"#)),
        Edge(.userSubscribed, .user(1), subscribe("", "")),
        Edge(.userSubscribed, .user(1), subscribe("", "free")),
        // Acts of a user who is not registered yet change nothing; then the registration; then the acts count.
        Edge(.userSubscribed, .user(0), subscribe(#"O'Brien \"the first\""#, "premium")),
        Edge(.preferencesUpdated, .user(0), prefer(#"O'Brien \"the first\""#, #"["lost"]"#)),
        Edge(
            .userRegistered,
            .user(0),
            register(#"O'Brien \"the first\""#, "ó@bücher.example", "Seán Ó Briain 👩‍👩‍👧", #"["élan", "zebra", "Zebra"]"#)
        ),
        Edge(.userSubscribed, .user(0), subscribe(#"O'Brien \"the first\""#, "premium")),
        Edge(
            .contentWatched,
            .user(0),
            watch(#"O'Brien \"the first\""#, "top", 60, "12.5", #","genre":"😀","title":null"#)
        ),
        Edge(.contentWatched, .user(0), watch(#"O'Brien \"the first\""#, "top", 60, "12.5", #","genre":"\uffee""#)),
        Edge(
            .preferencesUpdated,
            .user(0),
            prefer(#"O'Brien \"the first\""#, #"["b", "a", "b", "", "\"", "\t", "長い"]"#)
        ),
        // Registered again: everything but the first registration date starts over.
        Edge(
            .userRegistered,
            .user(0),
            register(#"O'Brien \"the first\""#, "second@example.com", "Seán (again)", "[]")
        ),
        Edge(.contentWatched, .user(0), watch(#"O'Brien \"the first\""#, "top", 60, "12.5", #","genre":null"#)),
        // Numbers in other spellings: 3600, 0, 10⁹, 100, 0.5, and a negative zero, which is zero.
        Edge(.contentWatched, .user(2), watch("käthe:1", #"back\\slash"#, "3.6e3", "1e2", #","genre":"drama""#)),
        Edge(.contentWatched, .user(2), watch("käthe:1", #"back\\slash"#, "0.0", "5E-1")),
        Edge(.contentWatched, .user(2), watch("käthe:1", #"back\\slash"#, "1000000000", "-0.0")),
        Edge(.contentRated, .content(4), rate("käthe:1", #"back\\slash"#, "0.325e1")),
        // Of duplicate keys the last one counts.
        Edge(
            .contentWatched,
            .user(2),
            #"{"user_id":"somebody else","content_id":"nothing","watch_duration_seconds":-1,"genre":"x","#
                + watch("käthe:1", #"back\\slash"#, 5, "10", #","genre":"crime""#).dropFirst()
        ),
        // Keys that are never read may hold anything.
        Edge(
            .contentWatched,
            .user(3),
            watch("row:*?[x]", "live", 90, "9", #","device":{"nested":[[[{"a":[]}]]]},"huge":-1e300,"title":"Live""#)
        ),
        Edge(.sessionStarted, .user(3), #"["not", "an", "object"]"#),
        Edge(.sessionStarted, .user(3), "null"),
        // Ids beyond ASCII, and added without a view.
        Edge(.contentAdded, .content(5), #"{"content_id":"長い夜/🎬","title":"長い夜","genre":"драма"}"#),
        Edge(.contentAdded, .content(7), #"{"content_id":" leading space","title":"","genre":""}"#),
        Edge(.contentWatched, .user(3), watch("row:*?[x]", "長い夜/🎬", 5_400, "99.9")),
        // Added a second time, with other words.
        Edge(.contentAdded, .content(5), #"{"content_id":"長い夜/🎬","title":"Long Night","genre":"drama"}"#),
        // Clocks far off: most of a year behind, a day behind, two days ahead.
        Edge(.contentWatched, .user(3), watch("row:*?[x]", "live", 1, "1"), shift: -300 * 86_400),
        Edge(.contentWatched, .user(3), watch("row:*?[x]", "live", 3_600, "1"), shift: -86_400),
        Edge(.contentWatched, .user(3), watch("row:*?[x]", " leading space", 3_600, "1"), shift: 2 * 86_400),
        Edge(.contentWatched, .user(3), watch("row:*?[x]", " leading space", 3_600, "1")),
        Edge(.contentRated, .content(0), rate("row:*?[x]", "top", "2.75")),
    ]

    private static func watch(
        _ user: String,
        _ content: String,
        _ seconds: some CustomStringConvertible,
        _ completion: String,
        _ more: String = ""
    ) -> String {
        #"{"user_id":"\#(user)","content_id":"\#(content)","watch_duration_seconds":\#(seconds)"#
            + #","completion_percentage":\#(completion)\#(more)}"#
    }

    private static func rate(_ user: String, _ content: String, _ rating: String) -> String {
        #"{"user_id":"\#(user)","content_id":"\#(content)","rating":\#(rating)}"#
    }

    private static func register(_ user: String, _ email: String, _ name: String, _ preferences: String) -> String {
        #"{"user_id":"\#(user)","email":"\#(email)","name":"\#(name)","initial_preferences":\#(preferences)"#
            + #","registration_timestamp":"2026-01-01T00:00:00Z"}"#
    }

    private static func subscribe(_ user: String, _ plan: String) -> String {
        #"{"user_id":"\#(user)","plan":"\#(plan)","payment_method":"gift","#
            + #""subscription_timestamp":"2026-01-01T00:00:00+01:00"}"#
    }

    private static func prefer(_ user: String, _ preferences: String) -> String {
        #"{"user_id":"\#(user)","old_preferences":null,"new_preferences":\#(preferences)"#
            + #","update_timestamp":"2026-01-01T00:00:00.5Z"}"#
    }
}
