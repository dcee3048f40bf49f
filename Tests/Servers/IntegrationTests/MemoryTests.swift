import Foundation
import Postgres
import TestSupport
import Testing

extension BlackBox {
    /// The peaks are those of a rebuild's process.
    @Suite("Memory of a rebuild", .serialized) struct MemoryTests {
        /// What a process may take beyond the budget for rows, in MiB.
        private static let beside = 120

        /// Rebuilds the profiles and returns the process' peak, in MiB.
        private func peak(of site: TestSite, budget: Int) async throws -> Int {
            let limited = site.with(["engine.memory-budget": "\(budget)MiB"])
            return try await limited.running("rebuild", "user_profiles", "--fresh") { process in
                var peak = 0
                while await process.isRunning {
                    let status = (try? String(contentsOfFile: "/proc/\(process.id)/status", encoding: .utf8)) ?? ""
                    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
                    let kibibytes = line.flatMap { Int($0.filter(\.isNumber)) } ?? 0
                    peak = max(peak, kibibytes >> 10)
                    try await Task.sleep(for: .milliseconds(10))
                }
                let outcome = try await process.outcome()
                #expect(outcome.code == 0, "\(outcome)")
                #expect(peak > 10, "it was looked at")
                return peak
            }
        }

        private func addEvents(_ site: TestSite, _ select: String) async throws {
            try await site.connection.executeScript(
                """
                INSERT INTO events (event_id, stream_id, stream_version, event_type, event_data, "timestamp")
                SELECT gen_random_uuid(), user_id, number, type, data, '2026-03-01 10:00:00+00'
                FROM (\(select)) AS made (user_id, number, type, data)
                """
            )
        }

        private static func registered(name: String) -> String {
            "json_build_object('user_id', 'u' || u, 'email', 'e', 'name', \(name), 'initial_preferences', '[]'::json)"
        }

        @Test("Rows of 200 KB take the budget and little more")
        func largeRows() async throws {
            try await TestSite.with { site in
                let name = "repeat(md5(u::text), 6400)"
                try await addEvents(
                    site,
                    "SELECT 'u' || u, 1, 'user.registered', \(Self.registered(name: name)) FROM generate_series(1, 1200) u"
                )
                let peak = try await peak(of: site, budget: 16)
                #expect(peak <= 16 + Self.beside, "\(peak) MiB")
                #expect(
                    try await site.number("SELECT sum(length(name)) FROM read_models.user_profiles") == 1_200 * 204_800
                )
            }
        }

        @Test("Rows of 1 MiB that are cached take the budget and little more") func cachedRows() async throws {
            try await TestRedis.withPrefix { redis in
                try await TestSite.with(settings: ["redis.url": redis.urlText, "redis.prefix": redis.prefix]) { site in
                    try await site.connection.executeScript("ALTER TABLE events ALTER event_data SET STORAGE external")
                    let name = "repeat(md5(u::text), 32768)"
                    try await addEvents(
                        site,
                        "SELECT 'u' || u, 1, 'user.registered', \(Self.registered(name: name)) FROM generate_series(1, 80) u"
                    )
                    let peak = try await peak(of: site, budget: 16)
                    #expect(peak <= 16 + Self.beside, "\(peak) MiB")
                    let shown = try await site.succeed("show", "user_profiles", "u80", "--json")
                    #expect(shown.utf8.count > 1 << 20 && shown.contains("cache"))
                }
            }
        }

        @Test("Sets that grow in step take the budget and little more")
        func growingSets() async throws {
            try await TestSite.with { site in
                let genre = "repeat('g', 100) || ((u * 31 + r * 77) % 160)"
                let watch =
                    "json_build_object('user_id', 'u' || u, 'content_id', 'c', 'genre', \(genre), "
                    + "'watch_duration_seconds', 3, 'completion_percentage', 50)"
                try await addEvents(
                    site,
                    """
                    SELECT 'u' || u, r + 1, CASE r WHEN 0 THEN 'user.registered' ELSE 'content.watched' END,
                        CASE r WHEN 0 THEN \(Self.registered(name: "'n'")) ELSE \(watch) END
                    FROM generate_series(0, 80) r, generate_series(1, 3000) u ORDER BY r, u
                    """
                )
                let peak = try await peak(of: site, budget: 16)
                #expect(peak <= 16 + Self.beside, "\(peak) MiB")
                let genres = "SELECT sum(jsonb_array_length(favorite_genres)) FROM read_models.user_profiles"
                #expect(try await site.number(genres) == 3_000 * 80)
            }
        }

        @Test("Events that are set aside take little, however many there are")
        func deadLetters() async throws {
            try await TestSite.with { site in
                let watch = "json_build_object('user_id', 'u' || u)"
                try await addEvents(
                    site,
                    "SELECT 'u' || u, 1, 'content.watched', \(watch) FROM generate_series(1, 200000) u"
                )
                let skipping = site.with(["projections.user_profiles.policy": "skip"])
                let peak = try await peak(of: skipping, budget: 16)
                #expect(peak <= 16 + Self.beside, "\(peak) MiB")
                #expect(try await site.number("SELECT count(*) FROM refold.dead_letters") == 200_000)
            }
        }

        @Test("A window of more changed rows than are encoded beside them is committed, and gone on from")
        func borrowedWindow() async throws {
            try await TestSite.with { site in
                let name = "repeat(md5(u::text), 640)"
                try await addEvents(
                    site,
                    "SELECT 'u' || u, 1, 'user.registered', \(Self.registered(name: name)) FROM generate_series(1, 2000) u"
                )
                try await site.succeed("rebuild", "user_profiles")
                let whole = try await site.digests()["user_profiles"]
                // 20 MB have changed in each of them; 16 MiB are encoded.
                let limited = site.with(["engine.memory-budget": "64MiB", "engine.window-events": "950"])
                try await limited.succeed("rebuild", "user_profiles", "--fresh", "--until", "1990")
                let versions = """
                    SELECT coalesce(sum(pg_table_size(oid)), 0)::int8 FROM pg_class
                    WHERE relnamespace = 'refold_data'::regnamespace AND relname LIKE '%versions%' AND relkind = 'r'
                    """
                #expect(try await site.number(versions) > 200_000)
                try await limited.succeed("rebuild", "user_profiles")
                #expect(try await site.digests()["user_profiles"] == whole)
                #expect(try await site.liveGeneration("user_profiles") == 2)
            }
        }
    }
}
