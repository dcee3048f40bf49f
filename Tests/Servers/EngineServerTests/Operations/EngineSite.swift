import Engine
import HotCache
import Logging
import Postgres
import Refold
import RefoldCommandLine
import RefoldInstallation
import SampleLog
import TestSupport
import VideoProjections

/// A migrated database of a test's own, and an engine on it.
struct EngineSite: Sendable {
    let connection: PostgresConnection
    var settings: EngineSettings
    /// Part of the identity of trending_score's generations.
    var halfLife: Duration = .seconds(86_400)
    private(set) var cache: RedisCache? = nil

    private var projections: [any Projection] {
        Installation.refold.projections.map { projection in
            switch projection {
            case is ContentPopularity: ContentPopularity(halfLife: halfLife)
            case is TrendingScore: TrendingScore(halfLife: halfLife)
            default: projection
            }
        }
    }

    var engine: Engine {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return Engine(
            settings,
            projections: projections,
            upcasters: Installation.refold.upcasters,
            cache: cache,
            logger: logger
        )
    }

    static func with(migrated: Bool = true, _ body: (EngineSite) async throws -> Void) async throws {
        try await TestDatabase.with { database in
            var settings = EngineSettings()
            settings.databaseURL = database.url
            let site = EngineSite(connection: try await database.connect(), settings: settings)
            if migrated { try await site.engine.migrate() }
            try await body(site)
            await site.connection.close()
        }
    }

    /// Caches what the hot sets name.
    mutating func useCache(_ settings: CacheSettings, _ hotSets: [ProjectionName: HotSetSettings] = [:]) throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        cache = try RedisCache(
            settings,
            hotSets: hotSets,
            of: projections,
            logger: logger
        )
    }

    func load(_ events: Int, sessions: Int = 0, seed: UInt64 = 1) async throws {
        _ = try await SampleLoader().load(SampleLog(events: events, sessions: sessions, seed: seed), on: connection)
    }

    @discardableResult
    func rebuild(until: GlobalPosition? = nil) async throws -> [RebuildOutcome] {
        try await engine.rebuild(RebuildRequest(engine.projections, until: until))
    }

    func projection(_ name: String) throws -> any Projection {
        try engine.projections(named: [name])[0]
    }

    func status(of name: ProjectionName) async throws -> ProjectionStatus? {
        try await engine.status().projections.first { $0.name == name }
    }

    /// An event that every projection of views refuses.
    func appendPoison() async throws -> GlobalPosition {
        let row = try await connection.query(
            """
            INSERT INTO events (event_id, stream_id, stream_version, event_type, event_data)
            VALUES (gen_random_uuid(), 'poison', 1, 'content.watched', '{"user_id": 1}') RETURNING global_position
            """
        )
        return GlobalPosition(try row.int64(0, 0))
    }
}
