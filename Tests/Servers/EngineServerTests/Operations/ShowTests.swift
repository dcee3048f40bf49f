import Engine
import HotCache
import Postgres
import Refold
import TestSupport
import Testing

@Suite("Showing rows and generations")
struct ShowTests {
    @Test("A row is shown by its key, whatever the key looks like; none is none")
    func rows() async throws {
        try await EngineSite.with { site in
            try await site.load(2_000)
            try await site.rebuild()
            let popularity = try site.projection("content_popularity")
            let live = try await site.status(of: "content_popularity")?.live
            for key in ["top", "genre:drama", "", #"it's "quoted""#, "長い夜/🎬"] {
                let shown = try await site.engine.show(popularity, key: [key])
                #expect(shown.source == .database && shown.generation == live)
                #expect(shown.json?.contains("total_views") == true, "\(key)")
            }
            #expect(try await site.engine.show(popularity, key: ["nobody's"]).json == nil)
            let error = await #expect(throws: EngineError.self) {
                try await site.engine.show(popularity, key: ["a", "b"])
            }
            #expect(error?.code == .unknownKey && error?.remedy.contains("content_id") == true)
        }
    }

    @Test("From the cache when it is there; a cache that is away is passed over")
    func cachedRows() async throws {
        try await PrivateRedisServer.withServer { server in
            try await EngineSite.with { site in
                var site = site
                try site.useCache(
                    CacheSettings(url: server.urlText, timeout: .milliseconds(300)),
                    ["trending_score": HotSetSettings(.all)]
                )
                try await site.load(500)
                try await site.rebuild()
                let trending = try site.projection("trending_score")
                try await site.engine.warmCache(of: trending)
                #expect(try await site.engine.show(trending, key: ["top"]).source == .cache)
                #expect(try await site.status(of: "trending_score")?.cache == .current)
                #expect(try await site.status(of: "user_profiles")?.cache == .off)
                #expect(try await site.engine.clearCache(of: trending) > 0)
                #expect(try await site.engine.show(trending, key: ["top"]).source == .database)
                #expect(try await site.status(of: "trending_score")?.cache == .behind)
                server.kill()
                #expect(try await site.engine.show(trending, key: ["top"]).source == .database)
                let away = try #require(try await site.status(of: "trending_score"))
                #expect(away.cache == .behind && away.cacheError != nil)
            }
        }
    }

    @Test("A cache is not warmed from a generation that is still built in memory: it says so and can be tried again")
    func warmingTooEarly() async throws {
        try await PrivateRedisServer.withServer { server in
            try await EngineSite.with { site in
                var site = site
                try site.useCache(
                    CacheSettings(url: server.urlText, timeout: .milliseconds(300)),
                    ["trending_score": HotSetSettings(.all)]
                )
                try await site.load(500)
                try await site.rebuild()
                let trending = try site.projection("trending_score")
                let number = try await site.engine.reset(trending)
                let error = await #expect(throws: EngineError.self) { try await site.engine.warmCache(of: trending) }
                #expect(error?.code == .unsettled)
                #expect(error?.message.contains("generation \(number) of trending_score is still empty") == true)
                try await site.engine.tail(TailRequest([trending], untilCaughtUp: true))
                try await site.engine.warmCache(of: trending)
                #expect(try await site.engine.show(trending, key: ["top"]).source == .cache)
            }
        }
    }

    @Test("Generations are listed with what they are for, position and size")
    func generations() async throws {
        try await EngineSite.with { site in
            #expect(try await site.engine.generations().isEmpty)
            try await site.load(400)
            try await site.rebuild()
            try await site.rebuild()
            try await site.rebuild(until: 100)
            let all = try await site.engine.generations().filter { $0.projection == "user_profiles" }
            #expect(all.map(\.role) == [.building, .live, .kept])
            #expect(all.map(\.position) == [100, 400, 400])
            #expect(all.allSatisfy { $0.bytes > 0 && $0.isCurrent && $0.version == 1 })
            var other = site
            other.halfLife = .seconds(60)
            // Two projections have scores.
            #expect(try await other.engine.generations().filter { !$0.isCurrent }.count == 6)
        }
    }
}
