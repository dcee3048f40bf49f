import Foundation
import Postgres
import Redis
import TestSupport
import Testing

extension BlackBox {
    @Suite("The hot cache") struct CacheTests {
        private func withCache(
            settings: [String: String] = [:],
            arguments: [String] = [],
            _ body: (TestSite, PrivateRedisServer) async throws -> Void
        ) async throws {
            try await PrivateRedisServer.withServer(arguments: arguments) { server in
                var all = ["redis.url": server.urlText, "redis.timeout": "300ms"]
                for projection in ReadModelViews.names { all["projections.\(projection).hot.by"] = "all" }
                all.merge(settings) { $1 }
                try await TestSite.with(settings: all) { site in try await body(site, server) }
            }
        }

        @Test("holds every row that is hot, as the view has it, after a rebuild and while tailing") func isRight()
            async throws
        {
            try await withCache { site, server in
                try await site.load(2_000)
                try await site.succeed("rebuild")
                try await site.expectRightCache(server)
                let redis = try await server.connect()
                let keys = try await CachedRows(site, redis).keys("content_popularity")
                #expect(
                    Int64(keys.count) == (try await site.number("SELECT count(*) FROM read_models.content_popularity"))
                )
                try await site.running("tail") { _ in
                    try await site.load(500, seed: 2)
                    try await site.waitUntilCaughtUp()
                    try await site.expectRightCache(server)
                    try await site.succeed("rebuild")
                    try await site.expectRightCache(server)
                }
                await redis.close()
            }
        }

        @Test("has the best contents in order, of all and of each genre; odd ids do no harm") func hasSortedSets()
            async throws
        {
            try await withCache { site, server in
                try await site.load(2_000)
                try await site.succeed("rebuild")
                let redis = try await server.connect()
                let live = try await site.liveGeneration("trending_score")
                for (key, condition) in [("top", "true"), ("genre:drama", "genre = 'drama'")] {
                    let set = "refold:trending_score:\(live):\(key)"
                    let type = try await redis.send("TYPE", .text(set))
                    #expect(type.text == "zset")
                    let cached = try await redis.send("ZREVRANGE", .text(set), 0, 9)
                    let best = try await site.connection.query(
                        """
                        SELECT content_id FROM read_models.trending_score WHERE \(condition)
                        ORDER BY score DESC, content_id COLLATE "C" DESC LIMIT 10
                        """
                    )
                    #expect(cached.elements?.compactMap(\.text) == (try best.rows.map { try $0.text(0) }), "\(key)")
                }
                for id in ["top", "genre:drama", "", #"it's "quoted""#, #"back\slash"#, "長い夜/🎬", "live"] {
                    let text = try await site.succeed("show", "content_popularity", id, "--json")
                    let shown = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
                    #expect(shown["source"] as? String == "cache", "\(id)")
                    #expect((shown["row"] as? [String: Any])?["content_id"] as? String == id)
                }
                await redis.close()
            }
        }

        @Test("becomes right by itself when Redis was killed; folding goes on meanwhile") func survivesAKill()
            async throws
        {
            try await withCache { site, server in
                try await site.load(1_000)
                try await site.succeed("rebuild")
                try await site.running("tail") { daemon in
                    try await site.waitUntilCaughtUp()
                    server.kill()
                    try await site.load(500, seed: 2)
                    try await site.waitUntilCaughtUp()
                    let row = try await site.succeed("show", "content_popularity", "top", "--json")
                    #expect(row.contains("database"))
                    try await server.start()
                    try await site.expectRightCache(server)
                    try await site.load(500, seed: 3)
                    try await site.waitUntilCaughtUp()
                    try await site.expectRightCache(server)
                    #expect(await daemon.isRunning)
                }
                try await site.expectReferenceFold()
            }
        }

        @Test("becomes right by itself when Redis was flushed") func survivesAFlush() async throws {
            try await withCache { site, server in
                try await site.load(1_000)
                try await site.succeed("rebuild")
                try await site.running("tail") { _ in
                    try await site.waitUntilCaughtUp()
                    for seed in 2...3 as ClosedRange<UInt64> {
                        let redis = try await server.connect()
                        try await redis.send("FLUSHALL")
                        await redis.close()
                        try await site.load(300, seed: seed)
                        try await site.waitUntilCaughtUp()
                        try await site.expectRightCache(server)
                    }
                }
            }
        }

        @Test("does not hold folding up when Redis does not answer, and becomes right when it does")
        func survivesAPause()
            async throws
        {
            try await withCache { site, server in
                try await site.load(1_000)
                try await site.succeed("rebuild")
                try await site.running("tail") { daemon in
                    try await site.waitUntilCaughtUp()
                    server.pause()
                    for seed in 2...4 as ClosedRange<UInt64> {
                        try await site.load(200, seed: seed)
                        try await site.waitUntilCaughtUp()
                    }
                    server.resume()
                    try await site.expectRightCache(server)
                    #expect(await daemon.isRunning)
                }
                try await site.expectReferenceFold()
            }
        }

        /// Has every command wait for a fifth of a second, less than the time after which nobody waits, while `body` runs.
        private func slowing(_ server: PrivateRedisServer, _ body: () async throws -> Void) async throws {
            let redis = try await server.connect(timeouts: RedisTimeouts(command: .seconds(20)))
            let slowing = Task {
                while !Task.isCancelled { try await redis.send("DEBUG", .text("SLEEP"), .text("0.2")) }
            }
            defer { slowing.cancel() }
            try await body()
            slowing.cancel()
            _ = await slowing.result
            await redis.close()
        }

        @Test("does not slow folding down when Redis is slow in its middle, and becomes right when it is not")
        func survivesSlowness() async throws {
            // A window for every few events: were each to wait for Redis, 1,200 events would take minutes.
            let settings = ["engine.window-events": "5", "engine.batch-size": "5"]
            try await withCache(settings: settings, arguments: ["--enable-debug-command", "yes"]) { site, server in
                try await site.load(1_000)
                try await site.succeed("rebuild")
                try await site.running("tail") { daemon in
                    try await site.waitUntilCaughtUp()
                    try await slowing(server) {
                        for seed in 2...4 as ClosedRange<UInt64> {
                            try await site.load(400, seed: seed)
                            try await site.waitUntilCaughtUp()
                        }
                        let rebuild = try await site.refold("rebuild", "--fresh", within: .seconds(60))
                        #expect(rebuild.code == 0, "\(rebuild)")
                    }
                    try await site.expectRightCache(server)
                    #expect(await daemon.isRunning)
                }
                try await site.expectReferenceFold()
            }
        }

        @Test("does not hold a rebuild up when Redis is gone or silent in its middle", arguments: [true, false])
        func rebuildGoesOn(isKilled: Bool) async throws {
            try await withCache(settings: ["engine.window-events": "500", "engine.window-time": "10ms"]) {
                site,
                server in
                try await site.load(8_000)
                try await site.succeed("rebuild")
                try await site.running("rebuild") { rebuild in
                    try await site.waitUntilBuilding(beyond: 500)
                    if isKilled { server.kill() } else { server.pause() }
                    let outcome = try await rebuild.outcome(within: .seconds(60))
                    #expect(outcome.code == 0, "\(outcome)")
                }
                try await site.expectReferenceFold()
                if isKilled { try await server.start() } else { server.resume() }
                try await site.running("tail") { _ in try await site.expectRightCache(server) }
            }
        }

        @Test("is not needed: without Redis everything works, and says so") func isNotNeeded() async throws {
            try await TestSite.with(settings: ["redis.url": "redis://127.0.0.1:1"]) { site in
                try await site.load(500)
                try await site.succeed("rebuild")
                try await site.load(500, seed: 2)
                try await site.succeed("tail", "--until-caught-up")
                try await site.expectReferenceFold()
                #expect(try await site.succeed("show", "content_popularity", "top", "--json").contains("database"))
            }
        }

        @Test("is emptied and filled by command") func isWarmedAndCleared() async throws {
            try await withCache { site, server in
                try await site.load(500)
                try await site.succeed("rebuild")
                let redis = try await server.connect()
                let rows = CachedRows(site, redis)
                let count = try await rows.keys("user_profiles").count
                try await site.succeed("cache", "clear", "user_profiles")
                let cleared = try await rows.keys("user_profiles")
                let others = try await rows.keys("content_popularity")
                #expect(cleared == [] && !others.isEmpty)
                try await site.succeed("cache", "warm", "user_profiles")
                let warmed = try await rows.keys("user_profiles")
                #expect(warmed.count == count)
                try await site.expectRightCache(server)
                await redis.close()
            }
        }

        @Test("says why it could not be filled by command: a refusal, or a pointer that moved meanwhile")
        func isNotWarmed() async throws {
            try await withCache { site, server in
                try await site.load(500)
                try await site.succeed("rebuild")
                try await site.succeed("rebuild", "user_profiles")
                let redis = try await server.connect()
                try await redis.send("CONFIG", "SET", "min-replicas-to-write", "1")
                let refused = try await site.refold("cache", "warm", "user_profiles")
                #expect(refused.code == 69 && refused.errors.contains("NOREPLICAS"), "\(refused)")
                try await redis.send("CONFIG", "SET", "min-replicas-to-write", "0")
                await redis.close()
                // Whoever takes the generation finds that the pointer has moved on by then.
                try await site.connection.executeScript(
                    """
                    CREATE FUNCTION move_on() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                        UPDATE refold.projections SET live = least(live, kept), kept = greatest(live, kept)
                         WHERE name = 'user_profiles';
                        RETURN NULL;
                    END $$;
                    CREATE TRIGGER move_on AFTER UPDATE ON refold.checkpoints
                        FOR EACH STATEMENT EXECUTE FUNCTION move_on();
                    """
                )
                let moved = try await site.refold("cache", "warm", "user_profiles")
                #expect(moved.code == 69 && moved.errors.contains("pointer"), "\(moved)")
                #expect(moved.output.isEmpty)
            }
        }
    }
}
