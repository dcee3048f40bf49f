import Foundation
import Postgres
import SampleLog
import TestSupport
import Testing

/// One installation of Refold: a database of its own, perhaps a Redis prefix, and the settings of its processes.
struct TestSite: Sendable {
    let url: String
    /// The test's own connection.
    let connection: PostgresConnection
    /// The whole environment of every `refold` that is started.
    var environment: [String: String]

    /// Makes a database with an empty store and lends the site.
    ///
    /// - Parameter payload: the type of the events' payloads; the store is `migrate`'s own for `json`.
    static func with<R: Sendable>(
        payload: String = "json",
        settings: [String: String] = [:],
        isolation: isolated (any Actor)? = #isolation,
        _ body: (TestSite) async throws -> R
    ) async throws -> R {
        try await TestDatabase.with { database in
            let site = try await TestSite(url: database.url, settings: settings)
            if payload != "json" { try await site.connection.executeScript(Self.storeTables(payload: payload)) }
            try await site.succeed("migrate")
            let result = try await body(site)
            await site.connection.close()
            return result
        }
    }

    init(url: String, settings: [String: String] = [:]) async throws {
        self.url = url
        connection = try await PostgresConnection.connect(to: url)
        environment = ["REFOLD_DATABASE_URL": url]
        for (key, value) in settings { environment[Self.variable(key)] = value }
    }

    /// The same site with other settings, by their keys.
    func with(_ settings: [String: String]) -> TestSite {
        var copy = self
        for (key, value) in settings { copy.environment[Self.variable(key)] = value }
        return copy
    }

    /// The environment variable of a setting.
    static func variable(_ key: String) -> String {
        "REFOLD_" + key.uppercased().map { $0 == "." || $0 == "-" ? "_" : String($0) }.joined()
    }

    /// Runs `refold` to its end.
    func refold(_ arguments: String..., within limit: Duration = .seconds(60)) async throws -> ChildProcess.Outcome {
        try await RefoldProcess.run(arguments, environment: environment, within: limit)
    }

    /// Runs `refold` to its end and requires exit code 0.
    @discardableResult
    func succeed(_ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation) async throws -> String {
        let outcome = try await RefoldProcess.run(arguments, environment: environment, within: .seconds(90))
        try #require(outcome.code == 0, "\(arguments): \(outcome)", sourceLocation: sourceLocation)
        return outcome.output
    }

    /// Runs `refold` to exit code 0, trying again for a few seconds while it ends with 75: the server may not have
    /// noticed yet that a killed process is gone.
    func succeedSoon(_ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            let outcome = try await RefoldProcess.run(arguments, environment: environment)
            if outcome.code == 0 { return }
            let mayPass = outcome.code == 75 && ContinuousClock.now < deadline
            try #require(mayPass, "\(arguments): \(outcome)", sourceLocation: sourceLocation)
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Lends a running `refold`.
    func running<R: Sendable>(
        _ arguments: String...,
        isolation: isolated (any Actor)? = #isolation,
        _ body: (ChildProcess) async throws -> R
    ) async throws -> R {
        try await RefoldProcess.with(arguments, environment: environment) { process in
            do {
                return try await body(process)
            } catch {
                Issue.record("what \(arguments) wrote: \(process.output)\n\(process.errors)")
                throw error
            }
        }
    }

    /// Appends a sample log.
    func load(_ events: Int, seed: UInt64 = 1) async throws {
        _ = try await SampleLoader().load(SampleLog(events: events, seed: seed), on: connection)
    }

    /// Appends one event of the given type in a transaction of its own and returns its position.
    @discardableResult
    func append(_ type: String, _ payload: String, at time: String = "2026-05-01 12:00:00+00") async throws -> Int64 {
        let added = try await connection.query(
            """
            INSERT INTO events (event_id, stream_id, stream_version, event_type, event_data, metadata, "timestamp")
            SELECT gen_random_uuid(), 'test', coalesce(max(stream_version), 0) + 1, $1, $2, '{}', $3::text::timestamptz
            FROM events WHERE stream_id = 'test' RETURNING global_position::int8
            """,
            [.text(type), .json(payload), .text(time)]
        )
        return try added.int64(0, 0)
    }

    /// One number.
    func number(_ sql: String, _ parameters: [PostgresValue] = []) async throws -> Int64 {
        try await connection.query(sql, parameters).int64(0, 0)
    }

    /// How many projections the installation has, once all of them have run.
    func projectionCount(sourceLocation: SourceLocation = #_sourceLocation) async throws -> Int64 {
        let count = try await number("SELECT count(*) FROM refold.projections")
        try #require(count > 0, sourceLocation: sourceLocation)
        return count
    }

    /// What the views hold, exact to the last bit.
    func digests() async throws -> [String: String] {
        try await ReadModelViews.digests(connection)
    }

    /// Expects the views to hold what an independent fold of the log gives.
    ///
    /// - Parameter refused: the positions that content_popularity refuses, and no other projection.
    func expectReferenceFold(
        table: String = "public.events",
        refused: Set<Int64> = [],
        halfLife: Double = 86_400,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        var expected = try await ReferenceFold.models(on: connection, table: table, halfLife: halfLife)
        if !refused.isEmpty {
            let without = try await ReferenceFold.models(
                on: connection,
                table: table,
                refused: refused,
                halfLife: halfLife
            )
            expected.contentPopularity = without.contentPopularity
        }
        let found = try await ReadModelViews.read(connection)
        let differences = found.differences(from: expected)
        #expect(differences.isEmpty, "\(differences.joined(separator: "\n"))", sourceLocation: sourceLocation)
        #expect(!expected.contentPopularity.isEmpty, "nothing was compared", sourceLocation: sourceLocation)
    }

    /// Waits until every projection's live generation, or one's, has its checkpoint at the log's newest position.
    func waitUntilCaughtUp(_ projection: String? = nil, within limit: Duration = .seconds(60)) async throws {
        let newest = try await number("SELECT last_value FROM events_global_position_seq")
        try await wait(for: "\(projection ?? "all projections") at \(newest)", within: limit) {
            try await number(
                """
                SELECT count(*) FROM refold.projections p LEFT JOIN refold.checkpoints c ON c.generation = p.live
                LEFT JOIN refold.generations g ON g.generation = p.live
                WHERE (c.position >= $1 AND g.readable_at IS NOT NULL) IS NOT TRUE AND p.name = coalesce($2::text, p.name)
                """,
                [.int64(newest), projection.map { .text($0) } ?? .null]
            ) == 0
        }
    }

    /// The live generation of a projection.
    func liveGeneration(_ projection: String) async throws -> Int64 {
        try await number("SELECT coalesce(live, 0) FROM refold.projections WHERE name = $1", [.text(projection)])
    }

    /// Waits until some generation that is being built has committed something.
    func waitUntilBuilding(beyond position: Int64 = 0) async throws {
        try await wait(for: "a generation that is being built beyond \(position)") {
            try await number(
                """
                SELECT count(*) FROM refold.generations g JOIN refold.checkpoints c USING (generation)
                WHERE g.state = 'building' AND c.position > $1
                """,
                [.int64(position)]
            ) > 0
        }
    }

    /// What `status --json` says.
    func status() async throws -> [String: Any] {
        let text = try await succeed("status", "--json")
        return try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    /// What `status --json` says of one projection.
    func status(of projection: String) async throws -> [String: Any] {
        let all = try #require(try await status()["projections"] as? [[String: Any]])
        return try #require(all.first { $0["name"] as? String == projection })
    }

    /// The tables of a store, as an application may have made them.
    static func storeTables(payload: String) -> String {
        """
        CREATE TABLE events (
            global_position bigserial PRIMARY KEY, event_id uuid NOT NULL UNIQUE, stream_id text NOT NULL,
            stream_version integer NOT NULL, event_type text NOT NULL, event_data \(payload) NOT NULL,
            metadata \(payload), "timestamp" timestamptz NOT NULL, UNIQUE (stream_id, stream_version)
        );
        CREATE TABLE streams (
            stream_id text PRIMARY KEY, version integer NOT NULL, last_updated timestamptz NOT NULL
        );
        """
    }
}
