import Foundation
import Postgres
import TestSupport
import Testing

extension BlackBox {
    @Suite("refold audience") struct AudienceTests {
        /// What `--json` prints.
        private struct Printed: Decodable, Equatable {
            struct Quality: Decodable, Equatable {
                let quality: String
                let viewers: Int
            }
            struct Peak: Decodable, Equatable {
                let minute: String
                let peak_viewers: Int
            }
            let at: String
            let viewers: Int
            let by_quality: [Quality]
            let viewers_from: String
            let peaks: [Peak]
            let peaks_from: String
            let cache_problem: String?
            let newest_heartbeat: String?

            /// Names are compared by their bytes.
            func hasNumbers(of other: Printed) -> Bool {
                func qualities(_ printed: Printed) -> [[UInt8]] {
                    printed.by_quality.map { Array("\($0.viewers) \($0.quality)".utf8) }
                }
                return viewers == other.viewers && peaks == other.peaks && qualities(self) == qualities(other)
            }
        }

        private static let names = [
            "1080p", "4k", "\u{1B}[31mred\n", String(repeating: "x", count: 300), "caf\u{e9}", "cafe\u{301}", "🎬🎬", "",
        ]

        private func withSessions(_ body: (TestSite, PrivateRedisServer) async throws -> Void) async throws {
            try await PrivateRedisServer.withServer { server in
                let settings = ["redis.url": server.urlText, "redis.timeout": "2s"]
                try await TestSite.with(settings: settings) { site in try await body(site, server) }
            }
        }

        private func audience(_ site: TestSite, _ more: String...) async throws -> Printed {
            let arguments = ["audience", "--json"] + more
            let outcome = try await RefoldProcess.run(arguments, environment: site.environment, within: .seconds(60))
            try #require(outcome.code == 0, "\(outcome)")
            return try JSONDecoder().decode(Printed.self, from: Data(outcome.output.utf8))
        }

        private func payload(_ members: [String: String]) throws -> String {
            String(decoding: try JSONEncoder().encode(members), as: UTF8.self)
        }

        private func newest(_ site: TestSite) async throws -> String {
            try await site.connection.query(
                """
                SELECT to_char(max("timestamp") AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') FROM events
                 WHERE event_type LIKE 'streaming.%'
                """
            ).text(0, 0)
        }

        /// The live sessions by quality, counted from the events themselves.
        private func counted(_ site: TestSite, at moment: String) async throws -> [[UInt8]] {
            let found = try await site.connection.query(
                """
                SELECT quality, count(*) FROM (
                    SELECT max("timestamp") FILTER (WHERE event_type IN ('streaming.started', 'streaming.heartbeat')) AS heard,
                           bool_or(event_type = 'streaming.ended') AS ended,
                           (array_agg(coalesce(event_data->>'new_quality', event_data->>'quality', '1080p')
                                      ORDER BY global_position DESC)
                            FILTER (WHERE event_type IN ('streaming.started', 'streaming.quality_changed')))[1] AS quality
                      FROM events WHERE event_type LIKE 'streaming.%' GROUP BY event_data->>'session_id'
                ) s WHERE NOT ended AND heard > $1::text::timestamptz - interval '30 s'
                GROUP BY quality ORDER BY count(*) DESC, quality COLLATE "C"
                """,
                [.text(moment)]
            )
            return try found.rows.map { Array("\(try $0.int64(1)) \(try $0.text(0))".utf8) }
        }

        @Test("shows the same numbers from the cache, from SQL and as counted from the events", .timeLimit(.minutes(5)))
        func sameNumbers() async throws {
            try await withSessions { site, server in
                try await site.succeed("generate", "--events", "500", "--sessions", "1500")
                let moment = try await newest(site)
                for number in 0..<40 {
                    let quality = Self.names[number % (number % 3 == 0 ? 2 : Self.names.count)]
                    try await site.append(
                        "streaming.started",
                        payload([
                            "session_id": "extra \(number)", "user_id": "u", "video_id": "v", "quality": quality,
                            "start_time": moment,
                        ]),
                        at: moment
                    )
                }
                try await site.succeed("rebuild")
                func expectSame(_ purpose: String) async throws {
                    let cached = try await audience(site, "--at", moment, "--from", "cache")
                    let sql = try await audience(site, "--at", moment, "--from", "sql")
                    let first = try await audience(site, "--at", moment)
                    let counted = try await counted(site, at: moment)
                    #expect(cached.hasNumbers(of: sql) && first.hasNumbers(of: sql), "\(purpose)")
                    #expect(sql.by_quality.map { Array("\($0.viewers) \($0.quality)".utf8) } == counted, "\(purpose)")
                    #expect(sql.viewers == sql.by_quality.reduce(0) { $0 + $1.viewers } && sql.viewers > 0)
                    #expect(cached.viewers_from == "cache" && cached.peaks_from == "cache", "\(purpose)")
                    #expect(first.viewers_from == "cache" && first.peaks_from == "cache", "\(purpose)")
                    #expect(sql.viewers_from == "database" && sql.peaks_from == "database", "\(purpose)")
                    #expect(sql.peaks.count == 60 && sql.peaks.contains { $0.peak_viewers > 10 })
                }
                try await expectSame("a rebuild")

                // Some end, some change their quality, some come late.
                for number in 0..<10 {
                    let session = ["session_id": "extra \(number)", "user_id": "u"]
                    try await site.append("streaming.ended", payload(session), at: moment)
                    let change = ["session_id": "extra \(number + 10)", "user_id": "u", "old_quality": "4k"]
                    try await site.append(
                        "streaming.quality_changed",
                        payload(change.merging(["new_quality": "8k"]) { $1 }),
                        at: moment
                    )
                }
                try await site.succeed("tail", "--until-caught-up")
                try await expectSame("tailing")

                let text = try await site.succeed("audience", "--at", moment)
                #expect(text.split(separator: "\n").allSatisfy { $0.unicodeScalars.count <= 80 }, "\(text)")
                #expect(text.contains(#"\u001b[31mred\n"#) && !text.contains("\u{1B}"))
                #expect(text.contains("from the cache"))

                // Long ago, for the clock on the wall.
                let now = try await audience(site)
                #expect(now.viewers == 0 && now.newest_heartbeat != nil)
                #expect(try await site.succeed("audience").contains("--at shows that moment"))

                let before = try await audience(site, "--at", moment, "--from", "sql")
                server.kill()
                let without = try await audience(site, "--at", moment)
                #expect(without.hasNumbers(of: before))
                #expect(without.viewers_from == "database" && without.cache_problem != nil)
                let refused = try await site.refold("audience", "--at", moment, "--from", "cache")
                #expect(refused.code == 69, "\(refused)")
            }
        }

        @Test("says that there is no session, that the cache cannot say, and what it was asked wrongly")
        func nothing() async throws {
            try await withSessions { site, _ in
                try await site.succeed("tail", "--until-caught-up")
                #expect(try await site.succeed("audience", "--from", "sql").contains("There is no session yet."))
                #expect(try await audience(site).viewers == 0)
                let missing = try await site.refold("audience", "--from", "cache", "--at", "1990-01-01T00:00:00Z")
                #expect(missing.code == 65 && missing.errors.contains("leave out --from cache"), "\(missing)")
                for wrong in ["soon", "infinity", "294276-12-31T23:59:59Z"] {
                    #expect(try await site.refold("audience", "--at", wrong).code == 64)
                }
                #expect(try await site.refold("audience", "--watch", "--at", "2026-05-01T12:00:00Z").code == 64)
                let none = try await site.with(["redis.url": ""]).refold("audience", "--from", "cache")
                #expect(none.code == 78, "\(none)")
            }
        }

        @Test("goes on showing the audience until it is interrupted")
        func watching() async throws {
            try await withSessions { site, _ in
                try await site.succeed("tail", "--until-caught-up")
                try await site.running("audience", "--watch", "--json") { process in
                    try await wait(for: "three lines") { process.output.split(separator: "\n").count >= 3 }
                    await process.send(SIGTERM)
                    #expect(try await process.outcome().code != 0)
                }
            }
        }
    }
}
