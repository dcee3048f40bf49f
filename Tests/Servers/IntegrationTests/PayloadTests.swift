import Postgres
import TestSupport
import Testing

extension BlackBox {
    @Suite("Payloads at the edge") struct PayloadTests {
        /// One event and the projections that refuse it.
        private struct Edge {
            let type: String
            let payload: String
            let refusing: Set<String>
            var time = "2026-03-01 10:00:00+00"

            /// A watch: all three projections read it.
            static func watch(
                _ change: String,
                seconds: String = "60",
                completion: String = "50",
                user: String = #""user_id":"u""#,
                refusedBy refusing: Set<String> = [],
                at time: String = "2026-03-01 10:00:00+00"
            ) -> Edge {
                let parts = [
                    user, #""content_id":"c""#,
                    seconds.isEmpty ? "" : #""watch_duration_seconds":\#(seconds)"#,
                    completion.isEmpty ? "" : #""completion_percentage":\#(completion)"#, change,
                ]
                let payload = "{" + parts.filter { !$0.isEmpty }.joined(separator: ",") + "}"
                return Edge(type: "content.watched", payload: payload, refusing: refusing, time: time)
            }
        }

        private static let popularity: Set<String> = ["content_popularity"]
        private static let profiles: Set<String> = ["user_profiles"]
        private static let all: Set<String> = ["content_popularity", "trending_score", "user_profiles"]

        /// What both `json` and `jsonb` can hold.
        private static let edges: [Edge] = [
            Edge(
                type: "user.registered",
                payload: #"{"user_id":"u","email":"e","name":"n","initial_preferences":[]}"#,
                refusing: []
            ),
            // Integers are numbers without a fraction after evaluation.
            .watch("", seconds: "3.6e3"), .watch("", seconds: "3600.0"), .watch("", seconds: "0.36E+4"),
            .watch("", seconds: "36000000e-4"), .watch("", seconds: "-0"), .watch("", seconds: "1e9"),
            .watch("", seconds: "3600.5", refusedBy: all), .watch("", seconds: "1e-1", refusedBy: all),
            .watch("", seconds: "-1", refusedBy: all), .watch("", seconds: "1000000001", refusedBy: all),
            .watch("", seconds: "9007199254740993", refusedBy: all), .watch("", seconds: "1e400", refusedBy: all),
            .watch("", seconds: String(repeating: "9", count: 2_000), refusedBy: all),
            .watch("", seconds: #""60""#, refusedBy: all), .watch("", seconds: "true", refusedBy: all),
            .watch("", seconds: "null", refusedBy: all), .watch("", seconds: "", refusedBy: all),
            .watch("", seconds: "[60]", refusedBy: all),
            // Doubles in their range; a negative zero is zero.
            .watch("", completion: "100.0"), .watch("", completion: "-0.0"),
            .watch("", completion: "33.333333333333336"),
            .watch("", completion: "1e-400"), .watch("", completion: "0." + String(repeating: "3", count: 500)),
            .watch("", completion: "100.00001", refusedBy: popularity),
            .watch("", completion: "-1e-9", refusedBy: popularity),
            .watch("", completion: "1e400", refusedBy: popularity), .watch("", completion: "", refusedBy: popularity),
            .watch("", completion: #""50""#, refusedBy: popularity),
            // Optional texts: absent and null are the same, the empty one is a value, other types are refused.
            .watch(#""genre":null,"title":null"#), .watch(#""genre":"","title":"""#),
            .watch(#""genre":5"#, refusedBy: all), .watch(#""title":["x"]"#, refusedBy: popularity),
            .watch(#""title":"\u00e9 \ud83c\udfac \" \\ \/ \n""#),
            // Of duplicates the last counts, whether it is right or wrong.
            .watch(#""watch_duration_seconds":5"#, seconds: "-1"),
            .watch(#""watch_duration_seconds":"x""#, refusedBy: all),
            .watch(#""\u0067enre":"escaped key""#),
            // A field that a projection does not read cannot refuse the event.
            .watch("", user: "", refusedBy: profiles.union(popularity)),
            .watch("", user: #""user_id":7"#, refusedBy: profiles.union(popularity)),
            .watch(#""extra":1e400,"more":\#(String(repeating: "8", count: 2_000))"#),
            .watch(#""deep":\#(String(repeating: "[", count: 1_200))\#(String(repeating: "]", count: 1_200))"#),
            // Not an object.
            Edge(type: "content.watched", payload: "[1, 2]", refusing: all),
            Edge(type: "content.watched", payload: "null", refusing: all),
            Edge(type: "content.watched", payload: #""text""#, refusing: all),
            Edge(type: "content.watched", payload: "{}", refusing: all),
            // Infinite timestamps.
            .watch("", refusedBy: all, at: "infinity"), .watch("", refusedBy: all, at: "-infinity"),
            .watch("", at: "0044-03-15 12:00:00+00 BC"), .watch("", at: "9999-12-31 23:59:59.999999+00"),
            Edge(
                type: "content.rated",
                payload: #"{"user_id":"u","content_id":"c","rating":0.5}"#,
                refusing: popularity
            ),
            Edge(
                type: "content.rated",
                payload: #"{"user_id":"u","content_id":"c","rating":5.01}"#,
                refusing: popularity
            ),
            Edge(type: "content.rated", payload: #"{"user_id":"u","content_id":"c","rating":1}"#, refusing: []),
            Edge(type: "content.rated", payload: #"{"user_id":"u","rating":1}"#, refusing: popularity),
            Edge(
                type: "user.registered",
                payload: #"{"user_id":"v","email":"e","name":"n","initial_preferences":[1]}"#,
                refusing: profiles
            ),
            Edge(
                type: "user.registered",
                payload: #"{"user_id":"v","email":"e","name":"n","initial_preferences":"drama"}"#,
                refusing: profiles
            ),
            Edge(
                type: "user.registered",
                payload: #"{"user_id":"v","email":null,"name":"n","initial_preferences":[]}"#,
                refusing: profiles
            ),
            Edge(type: "user.subscribed", payload: #"{"user_id":"u","plan":3}"#, refusing: profiles),
        ]

        /// What only `json` can hold: it keeps the text as it was written.
        private static let jsonEdges: [Edge] = [
            .watch(#""title":"a\u0000b""#, refusedBy: popularity), .watch(#""title":"\ud800""#, refusedBy: popularity),
            .watch(#""title":"\udc00\ud800""#, refusedBy: popularity), .watch(#""genre":"\ud83c""#, refusedBy: all),
            .watch("", user: #""user_id":"\u0000""#, refusedBy: profiles.union(popularity)),
            .watch(#""unread":"\u0000","unread too":"\ud800","\ud800":1"#),
        ]

        /// Folds the events with the policy `skip` and returns what the views hold.
        private func fold(_ edges: [Edge], payload: String) async throws -> [String: String] {
            let projections = Self.all.map { ("projections.\($0).policy", "skip") }
            return try await TestSite.with(payload: payload, settings: Dictionary(uniqueKeysWithValues: projections)) {
                site in
                var expected: Set<String> = []
                for edge in edges {
                    let position = try await site.append(edge.type, edge.payload, at: edge.time)
                    expected.formUnion(edge.refusing.map { "\($0) refuses \(position): \(edge.payload.prefix(120))" })
                }
                try await site.succeed("rebuild")
                let letters = try await site.connection.query(
                    """
                    SELECT d.projection || ' refuses ' || d.position || ': ' || left(e.event_data::text, 120)
                    FROM refold.dead_letters d JOIN events e ON e.global_position = d.position
                    """
                )
                let found = Set(try letters.rows.map { try $0.text(0) })
                // jsonb writes its texts in its own way, so only positions are compared there.
                func short(_ lines: Set<String>) -> Set<String> {
                    payload == "json" ? lines : Set(lines.map { String($0.prefix { $0 != ":" }) })
                }
                #expect(short(found).subtracting(short(expected)).sorted() == [], "refused, but should not be")
                #expect(short(expected).subtracting(short(found)).sorted() == [], "not refused, but should be")
                return try await site.digests()
            }
        }

        @Test("give the same rows and the same refusals from json and from jsonb") func agree() async throws {
            let json = try await fold(Self.edges, payload: "json")
            let jsonb = try await fold(Self.edges, payload: "jsonb")
            #expect(json == jsonb)
        }

        @Test("that jsonb cannot hold are refused where they are read, and only there") func jsonOnly() async throws {
            let first = Self.edges[0]
            let accepted = Self.jsonEdges.filter { $0.refusing.isEmpty }
            #expect(accepted.count == 1)
            let found = try await fold([first] + Self.jsonEdges, payload: "json")
            // The one that nobody refuses counts once for each model; partial refusals count for the others.
            #expect(found["content_popularity"]?.hasPrefix("1 rows") == true)
        }

        @Test("never show in an error message") func areNotShown() async throws {
            try await TestSite.with { site in
                try await site.append(
                    "content.watched",
                    #"{"user_id":"a secret","content_id":"c","watch_duration_seconds":"another secret"}"#
                )
                let outcome = try await site.refold("rebuild")
                #expect(outcome.code == 65)
                #expect(!outcome.errors.contains("secret") && !outcome.output.contains("secret"), "\(outcome)")
                #expect(outcome.errors.contains("watch_duration_seconds"), "\(outcome)")
            }
        }
    }
}
