import Engine
import HotCache
import Logging
import Postgres
import Redis
import Refold
import TestProjections
import TestSupport
import Testing

@Suite("The hot cache follows commits")
struct HotCacheTests {
    private let ranked = HotSetSettings(
        .top(column: "score"),
        limit: 6,
        ranking: HotRanking(score: "score", group: "genre", best: 3)
    )

    @Test("Rows, rankings and groups are those of the database after each commit")
    func follows() async throws {
        try await CacheHarness.following(ranked) { shelf in
            try await shelf.commit(.put("a", genre: "drama", score: 1), .put("b", genre: "comedy", score: 2))
            try await shelf.waitUntilRight("the first rows")
            for round in 1...20 {
                try await shelf.commit(
                    (0..<7).map { number in
                        .put(
                            "thing \((round * 3 + number * 5) % 13)",
                            genre: ["drama", "comedy", "noir", nil][(round + number) % 4],
                            score: Double(round * 10 + number)
                        )
                    }
                )
                try await shelf.waitUntilRight("round \(round)")
            }
        }
    }

    @Test("Folding and warming write the same bytes")
    func sameBytes() async throws {
        try await CacheHarness.following(ranked) { shelf in
            try await shelf.commit(.put("a\"\u{1}é", genre: "dräma", score: 0.1 + 0.2, hour: 190_000))
            try await shelf.waitUntilRight("the row")
            let followed = try await shelf.cachedJSON("a\"\u{1}é")
            let seen = #""seen":"2021-09-03T16:00:00.000000Z"}"#
            #expect(
                followed == #"{"_position":1,"id":"a\"\u0001é","genre":"dräma","score":0.30000000000000004,"# + seen
            )
            try await shelf.redis("FLUSHALL")
            try await shelf.waitUntilRight("warming")
            #expect(try await shelf.cachedJSON("a\"\u{1}é") == followed)
        }
    }

    @Test("Content ids that look like other keys are rows like any other")
    func awkwardIDs() async throws {
        try await CacheHarness.following(ranked) { shelf in
            try await shelf.commit(
                .put("top", genre: "top", score: 1),
                .put("genre:drama", genre: "drama", score: 2),
                .put("", genre: "", score: 3),
                .put("'\"\\*[]", genre: "'\"\\*[]", score: 4),
                .put("row:top", genre: "row:top", score: 5),
                .put("owner", genre: "owner", score: 6)
            )
            try await shelf.waitUntilRight("the rows")
            try await shelf.redis("FLUSHALL")
            try await shelf.waitUntilRight("warming")
            for id in ["top", "genre:drama", "", "'\"\\*[]", "row:top", "owner"] {
                #expect(try await shelf.cache.row("shelf", key: id)?.generation == shelf.generation)
            }
            #expect(try await shelf.cache.row("shelf", key: "nothing") == nil)
        }
    }

    @Test("A row that leaves the hot set, a ranking or a group goes, and the next one takes its place")
    func trimmedAndRefilled() async throws {
        try await CacheHarness.following(ranked) { shelf in
            try await shelf.commit((0..<12).map { .put("thing \($0)", genre: "drama", score: Double($0)) })
            try await shelf.waitUntilRight("twelve rows")
            // Falls, changes its group, loses its score, is removed: each time another one is next.
            try await shelf.commit(.put("thing 11", genre: "drama", score: -1))
            try await shelf.waitUntilRight("a fall", isExact: false)
            try await shelf.commit(.put("thing 10", genre: "comedy", score: 10))
            try await shelf.waitUntilRight("another group", isExact: false)
            try await shelf.commit(.put("thing 9", genre: nil, score: 9))
            try await shelf.waitUntilRight("no group", isExact: false)
            try await shelf.commit(.put("thing 8", genre: "drama", score: nil))
            try await shelf.waitUntilRight("no score", isExact: false)
            try await shelf.commit(.taken("thing 7"), .taken("thing 10"))
            try await shelf.waitUntilRight("removals", isExact: false)
            #expect(try await shelf.cachedJSON("thing 7") == nil)
            try await shelf.commit((0..<12).map { .taken("thing \($0)") })
            try await shelf.waitUntilRight("the last removal")
        }
    }

    @Test("Of equal scores the database and the cache keep the same rows")
    func ties() async throws {
        try await CacheHarness.following(ranked) { shelf in
            try await shelf.commit(
                ["b", "Z", "a", "é", "c", "B", "z", "A", "0"].map { .put($0, genre: "drama", score: 7) }
            )
            try await shelf.waitUntilRight("equal scores")
            try await shelf.redis("FLUSHALL")
            try await shelf.waitUntilRight("warming")
        }
    }

    @Test("Recent rows are those touched within the log's last hours")
    func recent() async throws {
        let settings = HotSetSettings(.recent(column: "seen", within: .seconds(10 * 3600)), limit: 5)
        try await CacheHarness.following(settings) { shelf in
            try await shelf.commit((0..<4).map { .put("thing \($0)", hour: $0) })
            try await shelf.waitUntilRight("four rows")
            try await shelf.commit(.put("later", hour: 11))
            try await shelf.waitUntilRight("a row that makes others old")
            try await shelf.commit((10..<18).map { .put("thing \($0)", hour: $0) })
            try await shelf.waitUntilRight("more rows than the limit")
            try await shelf.redis("FLUSHALL")
            try await shelf.waitUntilRight("warming")
        }
    }

    @Test("Recent rows of the first hours that the server knows are found")
    func first() async throws {
        let settings = HotSetSettings(.recent(column: "seen", within: .seconds(10 * 3600)), limit: 5)
        try await CacheHarness.with(settings) { shelf in
            try await shelf.commit((0..<3).map { .put("thing \($0)", hour: $0) }, isTold: false)
            try await shelf.connection.executeScript(
                """
                UPDATE refold_data.shelf_g\(shelf.generation)
                   SET seen = timestamptz '4714-11-24 00:00:00+00 BC' + (seen - timestamptz '2000-01-01 00:00:00+00')
                """
            )
            shelf.follow()
            try await shelf.whileRunning {
                try await wait(for: "three rows") {
                    try await shelf.redis("ZCARD", shelf.key("hot")).integerValue == 3
                }
            }
        }
    }

    @Test("All rows means the ones changed last when there are more than the limit")
    func all() async throws {
        try await CacheHarness.following(HotSetSettings(.all, limit: 5)) { shelf in
            try await shelf.commit((0..<9).map { .put("thing \($0)") })
            try await shelf.commit(.put("thing 0"))
            try await shelf.waitUntilRight("more rows than the limit")
            try await shelf.commit(.taken("thing 0"))
            try await shelf.waitUntilRight("a removal", isExact: false)
        }
    }

    @Test("A window without rows moves the cache's position")
    func emptyWindow() async throws {
        try await CacheHarness.following(ranked) { shelf in
            try await shelf.commit(.taken("nobody"))
            try await shelf.waitUntilRight("a window without rows")
        }
    }

    @Test("Rows expire after their time to live; what keeps them in order does not")
    func ttl() async throws {
        var settings = ranked
        settings.ttl = .seconds(3000)
        try await CacheHarness.following(settings) { shelf in
            try await shelf.commit(.put("a", genre: "drama", score: 1))
            try await shelf.waitUntilRight("a row")
            let ttl = try await shelf.redis("TTL", shelf.key("row:a")).integerValue ?? 0
            #expect((2990...3000).contains(ttl))
            for name in ["owner", "through", "hot", "top", "genre:drama", "groups", "grouped"] {
                #expect(try await shelf.redis("TTL", shelf.key(name)).integerValue == -1, "\(name)")
            }
        }
    }

    @Test("Hot rows that nobody changes are written again before they expire")
    func renewed() async throws {
        var settings = ranked
        settings.ttl = .seconds(3)
        try await CacheHarness.following(settings) { shelf in
            try await shelf.commit(.put("a", genre: "drama", score: 1))
            try await shelf.waitUntilRight("a row")
            var ttl: Int64 = 0
            try await wait(for: "the row's time to begin anew") {
                let last = ttl
                ttl = try await shelf.redis("PTTL", shelf.key("row:a")).integerValue ?? 0
                return ttl > last && last > 0
            }
            #expect(ttl > 2000)
            try await shelf.waitUntilRight("renewing")
        }
    }

    @Test("An owner that ends in good order leaves the cache up to date")
    func finished() async throws {
        try await CacheHarness.with(ranked) { shelf in
            // One that has only just come, then one that has not been sent everything.
            shelf.follow()
            await shelf.writer.finish(shelf.generation)
            #expect(try await shelf.discrepancy() == nil)
            #expect(!shelf.writer.isFollowing(shelf.generation))
            let next = try await shelf.takenOver()
            next.follow()
            try await next.whileRunning {
                try await next.waitUntilRight("the next owner's coming")
                for round in 1...30 {
                    try await next.commit(.put("thing \(round)", genre: "drama", score: Double(round)))
                }
                await next.writer.finish(next.generation)
                #expect(try await next.discrepancy() == nil)
            }
            // With the server away it takes no time.
            next.follow()
            next.server.kill()
            let start = ContinuousClock.now
            await next.writer.finish(next.generation)
            #expect(ContinuousClock.now - start < .seconds(10))
            await next.writer.close()
        }
    }

    @Test("A projection that is not cached leaves no key")
    func off() async throws {
        try await CacheHarness.with(ranked) { shelf in
            let cache = try RedisCache(
                CacheSettings(url: shelf.server.urlText, prefix: "off"),
                hotSets: ["shelf": .none],
                of: [Shelf()],
                logger: .init(label: "off")
            )
            let writer = RedisCacheWriter(cache) { try await shelf.database.connect() }
            writer.follow(shelf.generation, of: "shelf", fencingValue: shelf.fencingValue)
            #expect(
                try await writer.warm("shelf", generation: shelf.generation, fencingValue: shelf.fencingValue) == nil
            )
            #expect(try await writer.point("shelf", to: shelf.generation))
            let connection = try await shelf.database.connect()
            #expect(await cache.status(of: "shelf", on: connection).state == .off)
            #expect(try await shelf.redis("DBSIZE").integerValue == 0)
        }
    }
}
