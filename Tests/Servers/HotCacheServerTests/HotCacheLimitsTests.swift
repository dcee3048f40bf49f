import Engine
import HotCache
import Redis
import Refold
import TestProjections
import TestSupport
import Testing

@Suite("The hot cache has limits, and what is beyond them is found by SQL")
struct HotCacheLimitsTests {
    private func ranked(groups: Int = 1000, best: Int = 3) -> HotSetSettings {
        HotSetSettings(
            .top(column: "score"),
            limit: 50,
            ranking: HotRanking(score: "score", group: "genre", best: best, groups: groups)
        )
    }

    private func groups(_ shelf: CacheHarness) async throws -> Set<[UInt8]> {
        let start = Array(shelf.key("genre:").utf8)
        let all = try await shelf.redis("KEYS", "*").elements?.compactMap(\.bytes) ?? []
        return Set(all.filter { $0.starts(with: start) }.map { Array($0.dropFirst(start.count)) })
    }

    private func rows(_ shelf: CacheHarness) async throws -> Set<String> {
        Set(try await shelf.redis("ZRANGE", shelf.key("hot"), "0", "-1").elements?.compactMap(\.text) ?? [])
    }

    private func names(_ texts: String...) -> Set<[UInt8]> { Set(texts.map { Array($0.utf8) }) }

    private func waitUntilSent(_ shelf: CacheHarness) async throws {
        try await wait(for: "everything to be sent") {
            let position = await shelf.position
            return try await shelf.redis("GET", shelf.key("through")).integerValue == position
        }
    }

    // MARK: Groups

    @Test("Only the largest groups have a set; one that comes late gets none before the next warming")
    func groupLimit() async throws {
        try await CacheHarness.following(ranked(groups: 2)) { shelf in
            try await shelf.commit(.put("a", genre: "small", score: 1), .put("b", genre: "middle", score: 2))
            try await waitUntilSent(shelf)
            #expect(try await groups(shelf) == names("small", "middle"))
            try await shelf.commit((0..<5).map { .put("large \($0)", genre: "large", score: Double($0)) })
            try await shelf.commit(.put("c", genre: "middle", score: 3))
            // A place that becomes free is not for a group that would begin with one row of six.
            try await shelf.commit(.taken("a"), .put("large 6", genre: "large", score: 9))
            try await waitUntilSent(shelf)
            #expect(try await groups(shelf) == names("middle"))
            try await shelf.commit(.put("a", genre: "small", score: 1))
            try await shelf.redis("FLUSHALL")
            try await wait(for: "the largest groups") { try await groups(shelf) == names("large", "middle") }
            let best = try await shelf.redis("ZREVRANGE", shelf.key("genre:large"), "0", "-1")
            #expect(best.elements?.compactMap(\.text) == ["large 6", "large 4", "large 3"])
        }
    }

    @Test("Rows in memory and in the database give the same groups", arguments: [2, 7, 40])
    func sameGroups(limit: Int) async throws {
        let changes: [ShelfChange] = (0..<120).map { number in
            .put("thing \(number)", genre: "genre \(number % 7 * (number % 5))", score: Double(number))
        }
        try await CacheHarness.with(ranked(groups: limit)) { shelf in
            try await shelf.commit(changes, isTold: false)
            try await shelf.preload()
            let preloaded = try await groups(shelf)
            #expect(preloaded.count == min(limit, 16))
            try await shelf.redis("FLUSHALL")
            _ = try await shelf.writer.warm("shelf", generation: shelf.generation, fencingValue: shelf.fencingValue)
            #expect(try await groups(shelf) == preloaded)
        }
    }

    @Test("Sets of a hundred thousand groups that are left from before go, piece by piece")
    func manyGroups() async throws {
        try await CacheHarness.following(ranked(groups: 5)) { shelf in
            try await shelf.commit(.put("a", genre: "drama", score: 1))
            try await shelf.waitUntilRight("a row")
            let fill = """
                for i = 1, 100000 do
                    redis.call('SADD', KEYS[1], 'genre:' .. i)
                    if i <= 2000 then redis.call('ZADD', KEYS[2] .. i, 1, 'gone') end
                end
                """
            try await shelf.redis("EVAL", fill, "2", shelf.key("groups"), shelf.key("genre:"))
            try await shelf.redis("DEL", shelf.key("through"))
            try await shelf.waitUntilRight("warming")
            #expect(try await shelf.redis("SCARD", shelf.key("groups")).integerValue == 1)
        }
    }

    @Test("Groups are bytes: canonically equal ones and one that begins with a combining mark have sets of their own")
    func groupsAreBytes() async throws {
        let genres = ["caf\u{e9}", "cafe\u{301}", "\u{301}x", "x", ""]
        try await CacheHarness.following(ranked(best: 2)) { shelf in
            for (index, genre) in genres.enumerated() {
                try await shelf.commit((0..<4).map { .put("\(index) \($0)", genre: genre, score: Double($0)) })
            }
            // The best fall: the sets are filled from the database.
            for index in genres.indices { try await shelf.commit(.put("\(index) 3", genre: genres[index], score: -1)) }
            try await waitUntilSent(shelf)
            for round in ["following", "warming"] {
                #expect(try await groups(shelf) == Set(genres.map { Array($0.utf8) }), "\(round)")
                for (index, genre) in genres.enumerated() {
                    // A set is filled again right after the position was reached.
                    try await wait(for: "the best of group \(index) after \(round)") {
                        let best = try await shelf.redis("ZREVRANGE", shelf.key("genre:") + genre, "0", "-1")
                        return best.elements?.compactMap(\.text) == ["\(index) 2", "\(index) 1"]
                    }
                }
                try await shelf.redis("DEL", shelf.key("through"), shelf.key("owner"))
                try await waitUntilSent(shelf)
            }
        }
    }

    // MARK: What does not belong there

    @Test(
        "A key of another type is removed, and what belongs there is written",
        arguments: ["hot", "top", "groups", "grouped", "genre:drama", "owner", "through", "row:a", "crowded", "stale"]
    )
    func wrongType(name: String) async throws {
        try await CacheHarness.following(ranked()) { shelf in
            try await shelf.commit(.put("a", genre: "drama", score: 1), .put("b", genre: "drama", score: 2))
            try await shelf.waitUntilRight("two rows")
            try await shelf.redis("DEL", shelf.key(name))
            if ["owner", "through", "row:a", "crowded"].contains(name) {
                try await shelf.redis("LPUSH", shelf.key(name), "not ours")
            } else {
                try await shelf.redis("SET", shelf.key(name), "not ours")
            }
            let type = try await shelf.redis("TYPE", shelf.key(name)).text
            try await shelf.commit(.put("a", genre: "drama", score: 3))
            try await wait(for: "the key to go") { try await shelf.redis("TYPE", shelf.key(name)).text != type }
            try await shelf.waitUntilRight("a key of another type")
        }
    }

    @Test("A pointer of another type is removed, and comes back")
    func wrongPointer() async throws {
        try await CacheHarness.following(ranked()) { shelf in
            for name in ["live", "revision"] {
                try await shelf.redis("DEL", "\(CacheHarness.prefix):shelf:\(name)")
                try await shelf.redis("LPUSH", "\(CacheHarness.prefix):shelf:\(name)", "not ours")
                try await shelf.commit(.put("a", genre: "drama", score: 3))
                try await wait(for: "the key to go") {
                    try await shelf.redis("TYPE", "\(CacheHarness.prefix):shelf:\(name)").text != "list"
                }
                try await shelf.waitUntilRight("a \(name) of another type")
            }
        }
    }

    @Test("A number in another spelling than ours is removed, and comes back", arguments: ["not ours", "007", "+5"])
    func wrongText(text: String) async throws {
        try await CacheHarness.following(ranked()) { shelf in
            let revision = "\(CacheHarness.prefix):shelf:revision"
            for key in [revision, shelf.key("owner"), shelf.key("through")] {
                try await shelf.redis("SET", key, text)
                try await shelf.commit(.put("a", genre: "drama", score: 3))
                try await wait(for: "\(key) to be ours again") {
                    let found = try await shelf.redis("GET", key).text
                    return found != nil && found != text
                }
                try await shelf.waitUntilRight("a \(key) that is not ours")
            }
        }
    }

    @Test("A row that the server does not take is left out, and so is the copy from before; the others stay right")
    func tooLarge() async throws {
        try await CacheHarness.following(ranked(), arguments: ["--proto-max-bulk-len", "1mb"]) { shelf in
            let large = String(repeating: "long", count: 500_000)
            try await shelf.commit(.put("a", genre: "drama", score: 1), .put("b", genre: "drama", score: 2))
            try await shelf.waitUntilRight("two rows")
            try await shelf.commit(.put("a", genre: large, score: 3))
            try await waitUntilSent(shelf)
            for round in ["following", "warming"] {
                #expect(try await shelf.cachedJSON("a") == nil, "\(round)")
                #expect(try await shelf.cachedJSON("b") != nil, "\(round)")
                let top = try await shelf.redis("ZREVRANGE", shelf.key("top"), "0", "-1").elements?.compactMap(\.text)
                #expect(top == ["a", "b"], "\(round)")
                #expect(try await groups(shelf) == names("drama"), "\(round)")
                try await shelf.redis("DEL", shelf.key("through"), shelf.key("owner"))
                try await waitUntilSent(shelf)
            }
            try await shelf.commit(.put("a", genre: "drama", score: 4))
            try await shelf.waitUntilRight("a row that fits again")
        }
    }

    @Test("One time in the far future does not make all other rows old, whichever way they come")
    func future() async throws {
        let settings = HotSetSettings(.recent(column: "seen", within: .seconds(30 * 86_400)), limit: 10)
        let hour = HotSet.now / 3_600_000_000
        // An hour ago, ten days ago, in the year 9999, two months ago.
        let changes: [ShelfChange] = [
            .put("hour", hour: hour - 1), .put("days", hour: hour - 240), .put("future", hour: 70_110_000),
            .put("months", hour: hour - 1440),
        ]
        try await CacheHarness.following(settings) { shelf in
            try await shelf.commit(changes)
            try await waitUntilSent(shelf)
            #expect(try await rows(shelf) == ["hour", "days", "future"])
            try await shelf.redis("FLUSHALL")
            try await wait(for: "warming") { try await rows(shelf) == ["hour", "days", "future"] }
        }
        try await CacheHarness.with(settings) { shelf in
            try await shelf.commit(changes, isTold: false)
            try await shelf.preload()
            #expect(try await rows(shelf) == ["hour", "days", "future"])
        }
    }
}
