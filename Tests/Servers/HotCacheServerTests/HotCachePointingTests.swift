import Engine
import HotCache
import Logging
import Postgres
import Redis
import Refold
import TestProjections
import TestSupport
import Testing

@Suite("The hot cache's pointer follows the database's")
struct HotCachePointingTests {
    private let settings = HotSetSettings(
        .top(column: "score"),
        limit: 50,
        ranking: HotRanking(score: "score", group: "genre", best: 10)
    )

    private func things(_ round: Int) -> [ShelfChange] {
        (0..<20).map { .put("thing \($0)", genre: ["drama", "comedy"][$0 % 2], score: Double(round * 100 + $0)) }
    }

    /// A first generation that is followed, and a second one of the same log that a rebuild has folded.
    private func withRebuilt(_ body: @Sendable (_ live: CacheHarness, _ rebuilt: CacheHarness) async throws -> Void)
        async throws
    {
        try await CacheHarness.following(settings) { live in
            for round in 1...3 { try await live.commit(things(round)) }
            try await live.waitUntilRight("three windows")
            let rebuilt = try await CacheHarness(live.database, live.server, live.settings)
            for round in 1...3 { try await rebuilt.commit(things(round), isTold: false) }
            try await body(live, rebuilt)
            await rebuilt.writer.close()
        }
    }

    @Test("A rebuild warms what it points at; readers never see a row go back, and what was left expires")
    func rebuild() async throws {
        try await withRebuilt { live, rebuilt in
            let reader = Task {
                var newest: [String: Int64] = [:]
                var looks = 0
                while !Task.isCancelled {
                    for id in ["thing 0", "thing 19"] {
                        guard let row = try await live.cache.row("shelf", key: id) else { continue }
                        let position = Int64(
                            String(decoding: row.json, as: UTF8.self).dropFirst(13).prefix { $0 != "," }
                        )
                        #expect(position ?? 0 >= newest[id] ?? 0)
                        newest[id] = position
                        looks += 1
                    }
                }
                return looks
            }
            let result = try await rebuilt.writer.warm(
                "shelf",
                generation: rebuilt.generation,
                fencingValue: rebuilt.fencingValue
            )
            #expect(result?.rows == 20)
            #expect(
                try await live.redis("TTL", rebuilt.key("hot")).integerValue ?? -1 > 0,
                "it may never be pointed at"
            )
            // Both go on; the rebuild's last window commits with the pointer.
            try await live.commit(things(4))
            try await rebuilt.commit(things(4))
            try await rebuilt.point()
            #expect(try await rebuilt.writer.point("shelf", to: rebuilt.generation))
            try await rebuilt.waitUntilRight("pointing")
            #expect(!rebuilt.writer.isFollowing(rebuilt.generation))
            #expect(try await live.redis("TTL", rebuilt.key("hot")).integerValue == -1)
            for name in ["hot", "through", "top", "genre:drama", "row:thing 3"] {
                let ttl = try await live.redis("TTL", live.key(name)).integerValue ?? -1
                #expect((1...600).contains(ttl), "\(name)")
            }
            #expect(try await live.redis("EXISTS", live.key("owner")).integerValue == 0)
            try await wait(for: "the first owner to leave") { !live.writer.isFollowing(live.generation) }
            reader.cancel()
            #expect(try await reader.value > 0)
        }
    }

    @Test("What commits untold between warming and pointing is read before the pointer moves")
    func untold() async throws {
        try await withRebuilt { live, rebuilt in
            try await rebuilt.writer.warm("shelf", generation: rebuilt.generation, fencingValue: rebuilt.fencingValue)
            try await rebuilt.commit(things(4) + [.taken("thing 5")], isTold: false)
            try await rebuilt.point()
            #expect(try await rebuilt.writer.point("shelf", to: rebuilt.generation))
            #expect(try await rebuilt.discrepancy() == nil)
        }
    }

    @Test("A rebuild that died after the database's switch is finished by the next owner", arguments: [true, false])
    func died(wasWarmed: Bool) async throws {
        try await withRebuilt { live, rebuilt in
            if wasWarmed {
                try await rebuilt.writer.warm(
                    "shelf",
                    generation: rebuilt.generation,
                    fencingValue: rebuilt.fencingValue
                )
            }
            try await rebuilt.point()
            let next = try await rebuilt.takenOver()
            next.follow()
            try await next.whileRunning {
                try await next.waitUntilRight("the next owner's coming")
                try await wait(for: "what was left to expire") {
                    try await next.redis("TTL", live.key("hot")).integerValue ?? -1 > 0
                }
            }
            await next.writer.close()
        }
    }

    @Test("A cache that was flushed before the switch starts cold and is warmed by the next owner")
    func flushed() async throws {
        try await withRebuilt { live, rebuilt in
            try await rebuilt.writer.warm("shelf", generation: rebuilt.generation, fencingValue: rebuilt.fencingValue)
            try await rebuilt.point()
            try await live.redis("FLUSHALL")
            #expect(try await rebuilt.writer.point("shelf", to: rebuilt.generation))
            #expect(try await rebuilt.cache.row("shelf", key: "thing 3") == nil)
            let next = try await rebuilt.takenOver()
            next.follow()
            try await next.whileRunning { try await next.waitUntilRight("the next owner's coming") }
            await next.writer.close()
        }
    }

    @Test("A server that is away fails the warming and the pointing, and is right after its return")
    func away() async throws {
        try await withRebuilt { live, rebuilt in
            live.server.kill()
            await #expect(throws: RedisError.self) {
                try await rebuilt.writer.warm(
                    "shelf",
                    generation: rebuilt.generation,
                    fencingValue: rebuilt.fencingValue
                )
            }
            try await rebuilt.point()
            await #expect(throws: RedisError.self) {
                try await rebuilt.writer.point("shelf", to: rebuilt.generation)
            }
            let next = try await rebuilt.takenOver()
            next.follow()
            try await next.whileRunning {
                try await next.commit(things(4))
                try await live.server.start()
                try await next.waitUntilRight("the server's return")
            }
            await next.writer.close()
        }
    }

    @Test("An empty generation is pointed at at once, as a reset does")
    func reset() async throws {
        try await CacheHarness.following(settings) { live in
            try await live.commit(things(1))
            try await live.waitUntilRight("a window")
            let empty = try await CacheHarness(live.database, live.server, live.settings)
            try await empty.point()
            #expect(try await empty.writer.point("shelf", to: empty.generation))
            #expect(try await empty.cache.row("shelf", key: "thing 3") == nil)
            await empty.writer.close()
        }
    }

    @Test("A generation that the pointer has left again is not pointed at")
    func overtaken() async throws {
        try await withRebuilt { live, rebuilt in
            try await rebuilt.writer.warm("shelf", generation: rebuilt.generation, fencingValue: rebuilt.fencingValue)
            try await rebuilt.point()
            let third = try await CacheHarness(live.database, live.server, live.settings)
            try await third.point()
            #expect(try await third.writer.point("shelf", to: third.generation))
            #expect(try await !rebuilt.writer.point("shelf", to: rebuilt.generation))
            #expect(
                try await live.redis("GET", "\(CacheHarness.prefix):shelf:live").integerValue
                    == third.generation.rawValue
            )
            await third.writer.close()
        }
    }

    @Test("What was live before expires, also when the cache's pointer to it had expired")
    func expired() async throws {
        try await withRebuilt { live, rebuilt in
            try await rebuilt.writer.warm("shelf", generation: rebuilt.generation, fencingValue: rebuilt.fencingValue)
            try await rebuilt.point()
            try await rebuilt.connection.executeScript(
                "UPDATE refold.projections SET kept = \(live.generation) WHERE name = 'shelf'"
            )
            try await wait(for: "the first owner to leave") { !live.writer.isFollowing(live.generation) }
            try await live.redis("DEL", "\(CacheHarness.prefix):shelf:live")
            #expect(try await rebuilt.writer.point("shelf", to: rebuilt.generation))
            try await rebuilt.waitUntilRight("pointing")
            for name in ["hot", "through", "top", "groups", "grouped", "genre:drama"] {
                let ttl = try await live.redis("TTL", live.key(name)).integerValue ?? -1
                #expect((1...600).contains(ttl), "\(name)")
            }
            #expect(try await live.redis("EXISTS", live.key("owner")).integerValue == 0)
        }
    }

    @Test("What a process left that ended right after moving the pointer expires with the next owner")
    func left() async throws {
        try await withRebuilt { live, rebuilt in
            try await rebuilt.point()
            let next = try await rebuilt.takenOver()
            next.follow()
            try await next.whileRunning {
                try await next.waitUntilRight("the next owner's coming")
                try await wait(for: "what was left to expire") {
                    try await next.redis("TTL", live.key("hot")).integerValue ?? -1 > 0
                }
                try await next.redis("PERSIST", live.key("hot"))
            }
            try await next.connection.executeScript(
                "UPDATE refold.projections SET kept = \(live.generation) WHERE name = 'shelf'"
            )
            let last = try await next.takenOver()
            last.follow()
            try await last.whileRunning {
                try await wait(for: "what was left to expire again") {
                    try await last.redis("TTL", live.key("hot")).integerValue ?? -1 > 0
                }
            }
            await next.writer.close()
            await last.writer.close()
        }
    }

    @Test(
        "A projection whose hot set is turned off loses its pointer, and what was cached expires",
        arguments: [true, false]
    )
    func turnedOff(isFollowed: Bool) async throws {
        try await CacheHarness.with(settings) { shelf in
            shelf.follow()
            try await shelf.whileRunning {
                try await shelf.commit(things(1))
                try await shelf.waitUntilRight("a window")
            }
            let pointer = "\(CacheHarness.prefix):shelf:live"
            // As it is left by an owner that ends in good order.
            try await shelf.redis("SET", pointer, "\(shelf.generation)")
            let cache = try RedisCache(
                CacheSettings(url: shelf.server.urlText, prefix: CacheHarness.prefix, timeout: .seconds(10)),
                hotSets: [:],
                of: [Shelf()],
                logger: Logger(label: "cache") { _ in SwiftLogNoOpLogHandler() }
            )
            let writer = RedisCacheWriter(cache) { try await shelf.database.connect() }
            if isFollowed {
                writer.follow(shelf.generation, of: "shelf", fencingValue: shelf.fencingValue)
                let running = Task { await writer.run() }
                try await wait(for: "the pointer to go") {
                    try await shelf.redis("EXISTS", pointer).integerValue == 0
                }
                try await wait(for: "its keys to expire") {
                    try await shelf.redis("TTL", shelf.key("genre:drama")).integerValue ?? -1 > 0
                }
                running.cancel()
                await running.value
            } else {
                #expect(try await writer.point("shelf", to: shelf.generation))
                #expect(try await shelf.redis("EXISTS", pointer).integerValue == 0)
            }
            for name in ["hot", "top", "groups", "grouped", "genre:drama"] {
                let ttl = try await shelf.redis("TTL", shelf.key(name)).integerValue ?? -1
                #expect((1...600).contains(ttl), "\(name)")
            }
            await writer.close()
        }
    }

    @Test("A rollback brings the generation before back, and its keys stay")
    func rollback() async throws {
        try await withRebuilt { live, rebuilt in
            try await rebuilt.writer.warm("shelf", generation: rebuilt.generation, fencingValue: rebuilt.fencingValue)
            try await rebuilt.point()
            #expect(try await rebuilt.writer.point("shelf", to: rebuilt.generation))
            let back = try await live.takenOver()
            try await back.point()
            let owner = try await back.takenOver()
            owner.follow()
            try await owner.whileRunning {
                try await owner.commit(things(5))
                try await owner.waitUntilRight("the rollback")
                #expect(try await owner.redis("TTL", owner.key("hot")).integerValue == -1)
            }
            await owner.writer.close()
            await back.writer.close()
        }
    }

    @Test("What is left of an older life of a generation goes before it is live again without an owner")
    func leftover() async throws {
        try await withRebuilt { live, rebuilt in
            try await rebuilt.writer.warm("shelf", generation: rebuilt.generation, fencingValue: rebuilt.fencingValue)
            try await rebuilt.point()
            #expect(try await rebuilt.writer.point("shelf", to: rebuilt.generation))
            try await wait(for: "the first owner to leave") { !live.writer.isFollowing(live.generation) }
            #expect(try await live.cachedJSON("thing 3") != nil)
            let back = try await CacheHarness(live.database, live.server, live.settings, generation: live.generation)
            try await back.commit(things(5), isTold: false)
            try await back.point()
            #expect(try await back.writer.point("shelf", to: back.generation))
            #expect(
                try await live.redis("GET", "\(CacheHarness.prefix):shelf:live").integerValue
                    == back.generation.rawValue
            )
            #expect(try await back.cachedJSON("thing 3") == nil)
            await back.writer.close()
        }
    }

    // MARK: What operators ask for

    @Test("Cleared, the cache is warmed again by its owner; asked to, it is too; without an owner nobody does")
    func clearedAndAsked() async throws {
        try await CacheHarness.following(settings) { shelf in
            try await shelf.commit(things(1))
            try await shelf.waitUntilRight("a window")
            try await shelf.redis("SET", "test*:shelf:1:row:another", "is not ours")
            // Rows, four sets, live and revision, owner and through, groups and grouped.
            #expect(try await shelf.cache.clear("shelf") >= 20)
            #expect(try await shelf.redis("EXISTS", "test*:shelf:1:row:another").integerValue == 1)
            try await shelf.waitUntilRight("clearing")

            let connection = try await shelf.database.connect()
            try await shelf.redis("SET", shelf.key("row:thing 3"), #"{"_position":99,"id":"thing 3"}"#)
            #expect(try await shelf.cache.requestWarming("shelf", on: connection))
            try await shelf.waitUntilRight("a request")

            shelf.writer.leave(shelf.generation)
            #expect(try await !shelf.cache.requestWarming("shelf", on: connection, within: .milliseconds(300)))
        }
    }

    @Test("A hot set of twelve thousand rows is written in one go, and exactly that")
    func twelveThousand() async throws {
        var large = settings
        large.limit = 10_000
        try await CacheHarness.with(large) { shelf in
            try await shelf.commit(
                (0..<12_000).map { .put("thing \($0)", genre: "genre \($0 % 40)", score: Double($0 % 7000), hour: 7) }
            )
            let result = try await shelf.writer.warm(
                "shelf",
                generation: shelf.generation,
                fencingValue: shelf.fencingValue
            )
            #expect(result?.rows == 10_000)
            #expect(try await shelf.writer.point("shelf", to: shelf.generation))
            #expect(try await shelf.discrepancy() == nil)
            if let result { print("warmed \(result.rows) rows in \(result.duration)") }
        }
    }

    @Test("What does not go with a cache is named", arguments: ["allkeys-lru", "volatile-lru", "noeviction"])
    func checked(policy: String) async throws {
        try await CacheHarness.with(settings, arguments: ["--maxmemory-policy", policy, "--maxmemory", "50mb"]) {
            shelf in
            let check = try await shelf.cache.check()
            #expect(check.policy == policy)
            #expect(check.memoryLimit == 50 << 20)
            #expect(check.memoryUsed > 0)
            #expect(check.problems.isEmpty == !policy.hasPrefix("allkeys"))
        }
        let replica = CacheCheck(
            info: "redis_version:4.0.9\r\nrole:slave\r\ncluster_enabled:1\r\nmaxmemory_policy:noeviction"
        )
        #expect(replica.problems.count == 3)
    }
}
