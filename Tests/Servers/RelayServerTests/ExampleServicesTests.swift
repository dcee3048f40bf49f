import Glibc
import Postgres
import TestSupport
import Testing

@Suite("The example services") struct ExampleServicesTests {
    private static let topics = ["video-events", "video-heartbeat", "recommendation-events"]

    /// Appends an evening of a few users: what they start, how long they watch, and what is recommended to them.
    private func appendEvening(_ site: RelaySite) async throws {
        try await site.connection.execute(
            """
            INSERT INTO events (event_id, stream_id, stream_version, event_type, event_data, metadata, "timestamp")
            SELECT gen_random_uuid(), 's-' || gen_random_uuid(), 1,
                   (ARRAY['streaming.started', 'streaming.heartbeat', 'recommendation.updated'])[1 + n % 3],
                   json_build_object(
                       'session_id', 's' || n, 'user_id', 'u' || n % 7, 'video_id', 'v' || n % 5, 'quality', '4k',
                       'current_time', n, 'recommendations', json_build_array('v' || n % 4, 'v' || n % 9)),
                   '{}', '2026-05-01 12:00:00+00'::timestamptz + n * interval '1 second'
            FROM generate_series(1, 600) AS n ORDER BY n
            """
        )
    }

    /// How many rows of a service differ from what the log says.
    private func differences(_ site: RelaySite, _ service: String, from log: String) async throws -> Int64 {
        try await site.number(
            "SELECT count(*) FROM ((TABLE \(service) EXCEPT \(log)) UNION ALL (\(log) EXCEPT TABLE \(service))) AS d"
        )
    }

    private func command(_ name: String, _ site: RelaySite) throws -> [String] {
        let url = try #require(site.environment["REFOLD_DATABASE_URL"])
        return [
            RefoldProcess.beside("ExampleServices"), name, "--database", url, "--bootstrap-servers", site.mock.servers,
            // A member that was killed is soon given up by its group.
            "--property", "session.timeout.ms=6000", "--property", "heartbeat.interval.ms=300",
        ]
    }

    @Test("share a group's work from the beginning") func members() async throws {
        try await RelaySite.with { site in
            for topic in Self.topics { try await site.mock.createTopic(topic, partitions: 2) }
            var site = site
            site.environment["REFOLD_RELAY_TOPICS"] = nil
            for _ in 1...20 { try await appendEvening(site) }
            try await site.succeed("relay", "--until-caught-up")
            let newest = try await site.newest
            try await ChildProcess.with(command("analytics", site)) { one in
                try await ChildProcess.with(command("analytics", site)) { other in
                    try await wait(for: "both to make the tables", within: .seconds(60)) {
                        try await site.number("SELECT count(to_regclass('analytics.progress'))") == 1
                    }
                    try await wait(for: "the group to consume everything", within: .seconds(120)) {
                        for member in [one, other] { try #require(await member.isRunning, "\(member.errors)") }
                        return try await site.number(
                            "SELECT count(*) FROM analytics.progress WHERE position >= \(newest)"
                        ) == 4
                    }
                }
            }
            #expect(try await site.number("SELECT sum(views)::bigint FROM analytics.views") == 4_000)
        }
    }

    @Test("have what the log says, each in a group of its own, although they are killed and begin again")
    func equalToTheLog() async throws {
        try await RelaySite.with { site in
            for topic in Self.topics { try await site.mock.createTopic(topic, partitions: 2) }
            var site = site
            site.environment["REFOLD_RELAY_TOPICS"] = nil
            func consumed(_ name: String) async throws -> Bool {
                let newest = try await site.newest
                return try await site.number(
                    "SELECT count(*) FROM \(name).progress WHERE position >= \(newest)"
                ) == 4
            }
            try await site.running("relay") { _ in
                for name in ["analytics", "personalisation"] {
                    try await ChildProcess.with(command(name, site) + ["--afresh"]) { service in
                        try await wait(for: "\(name) to make its tables") {
                            try await site.number(
                                "SELECT count(*) FROM pg_tables WHERE (schemaname, tablename) = ('\(name)', 'progress')"
                            ) == 1
                        }
                        try await appendEvening(site)
                        try await wait(for: "\(name) to consume") {
                            try await site.number("SELECT count(*) FROM \(name).progress") > 0
                        }
                        await service.send(SIGKILL)
                        _ = try await service.outcome()
                    }
                }
                for name in ["analytics", "personalisation"] {
                    try await ChildProcess.with(command(name, site)) { service in
                        try await wait(for: "\(name) to consume everything", within: .seconds(60)) {
                            try #require(await service.isRunning, "\(name) ended: \(service.errors)")
                            return try await consumed(name)
                        }
                        await service.send(SIGTERM)
                        let outcome = try await service.outcome()
                        #expect(outcome.code == 0, "\(outcome)")
                    }
                }
            }
            #expect(
                try await differences(
                    site,
                    "analytics.views",
                    from: """
                        SELECT event_data->>'video_id', event_data->>'quality', count(*) FROM events
                        WHERE event_type = 'streaming.started' GROUP BY 1, 2
                        """
                ) == 0
            )
            #expect(
                try await differences(
                    site,
                    "analytics.minutes",
                    from: """
                        SELECT date_trunc('minute', "timestamp"), count(*) FROM events
                        WHERE event_type = 'streaming.heartbeat' GROUP BY 1
                        """
                ) == 0
            )
            #expect(
                try await differences(
                    site,
                    "personalisation.users",
                    from: """
                        SELECT u.id,
                               (SELECT event_data->>'video_id' FROM events
                                 WHERE event_type = 'streaming.started' AND event_data->>'user_id' = u.id
                                 ORDER BY global_position DESC LIMIT 1),
                               (SELECT ARRAY(SELECT json_array_elements_text(event_data->'recommendations')) FROM events
                                 WHERE event_type = 'recommendation.updated' AND event_data->>'user_id' = u.id
                                 ORDER BY global_position DESC LIMIT 1)
                        FROM (SELECT DISTINCT event_data->>'user_id' FROM events
                               WHERE event_type IN ('streaming.started', 'recommendation.updated')) AS u (id)
                        """
                ) == 0
            )
        }
    }
}
