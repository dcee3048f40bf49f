import Engine
import EventStore
import HotCache
import Logging
import Postgres
import Redis
import Refold
import TestSupport
import Testing

@Suite("The doctor")
struct DoctorTests {
    private func check(_ name: String, in site: EngineSite) async throws -> Check {
        try #require(await site.engine.doctor().first { $0.name == name })
    }

    @Test("Finds that all is well after a migration and after a rebuild")
    func well() async throws {
        try await EngineSite.with { site in
            for _ in 1...2 {
                let checks = await site.engine.doctor()
                #expect(checks.allSatisfy { $0.result == .passed }, "\(checks)")
                try await site.load(200)
                try await site.rebuild()
            }
        }
    }

    @Test("A log that was tailed once is known from then on, though nothing was appended since")
    func knownLog() async throws {
        try await EngineSite.with { site in
            try await site.load(200)
            #expect(try await check("log", in: site).found == "it was not read yet")
            try await site.engine.tail(TailRequest(site.engine.projections, untilCaughtUp: true))
            #expect(try await check("log", in: site).found.hasSuffix("up to position 200"))
        }
    }

    @Test("Without a server it says so and looks no further there")
    func unreachable() async throws {
        var settings = EngineSettings()
        settings.databaseURL = "postgresql://me:hidden-word@127.0.0.1:1/x"
        settings.connectTimeout = .seconds(2)
        let logger = Logger(label: "test")
        let cache = try RedisCache(
            CacheSettings(url: "redis://127.0.0.1:1"),
            hotSets: [:],
            of: [],
            logger: logger
        )
        let engine = Engine(settings, projections: [], cache: cache, logger: logger)
        let checks = await engine.doctor()
        #expect(checks.map(\.result) == [.failed, .failed])
        #expect((checks[0].error as? PostgresError)?.code == .connectionFailed)
        #expect(checks.allSatisfy { $0.remedy != nil })
        #expect(!"\(checks)".contains("hidden-word"))
    }

    @Test("Finds what is missing before a migration")
    func unmigrated() async throws {
        try await EngineSite.with(migrated: false) { site in
            let store = try await check("event store", in: site)
            #expect(store.remedy?.contains("refold migrate") == true)
            let migration = try await check("migration", in: site)
            #expect(migration.remedy == "run refold migrate")
        }
    }

    @Test("Finds a store whose order cannot be trusted")
    func store() async throws {
        try await EngineSite.with { site in
            try await site.connection.executeScript("ALTER SEQUENCE events_global_position_seq CACHE 20")
            let found = try await check("event store", in: site)
            #expect(found.result == .failed && found.found.contains("CACHE"))
            #expect((found.error as? EventStoreError)?.code == .sequenceCached)
        }
    }

    @Test("Finds other settings, late events, dead letters and retired generations")
    func others() async throws {
        try await EngineSite.with { site in
            try await site.load(200)
            try await site.rebuild()
            var other = site
            other.halfLife = .seconds(60)
            let identity = try await check("identity", in: other)
            #expect(
                identity.result == .failed && identity.remedy == "run refold rebuild content_popularity trending_score"
            )

            _ = try await site.appendPoison()
            other.settings.policies["trending_score"] = .skip
            other.settings.policies["content_popularity"] = .skip
            other.settings.policies["user_profiles"] = .skip
            try await other.rebuild()
            let letters = try await check("dead letters", in: other)
            #expect(letters.result == .warning && letters.found.contains("trending_score 1"))

            try await site.connection.executeScript(
                """
                UPDATE refold.projections SET kept = NULL;
                UPDATE refold.generations SET state = 'retired'
                 WHERE generation NOT IN (SELECT live FROM refold.projections)
                """
            )
            #expect(try await check("retired generations", in: other).result == .warning)

            try await site.connection.execute(
                "INSERT INTO refold.late_events (log_id, position) SELECT max(id), 7 FROM refold.logs"
            )
            let late = try await check("log", in: other)
            #expect((late.error as? EventStoreError)?.code == .lateEvent)
        }
    }

    @Test("Finds a Redis that would evict what has to stay")
    func redis() async throws {
        try await PrivateRedisServer.withServer { server in
            try await EngineSite.with { site in
                var site = site
                try site.useCache(CacheSettings(url: server.urlText))
                #expect(try await check("Redis", in: site).result == .passed)
                let redis = try await server.connect()
                try await redis.send("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
                await redis.close()
                let found = try await check("Redis", in: site)
                #expect(found.result == .failed && found.found.contains("allkeys-lru"))
            }
        }
    }
}
