import Engine
import HotCache
import Redis
import Refold
import TestProjections
import TestSupport
import Testing

/// The shelf's rows are sessions here: seen at some hour, in a group by their genre, over when they have a score.
@Suite("A ranking by time has every key whose time is recent, in all and by group")
struct HotCacheTimesTests {
    private func recent(
        hours: Int64 = 10,
        limit: Int = 1000,
        groups: Int = 1000,
        rows: Int = 50
    ) -> HotSetSettings {
        HotSetSettings(
            .recent(column: "seen", within: .seconds(hours * 3600)),
            limit: rows,
            ranking: HotRanking(
                time: "seen",
                within: .seconds(hours * 3600),
                group: "genre",
                unless: "score",
                limit: limit,
                groups: groups
            )
        )
    }

    private func names(_ shelf: CacheHarness, _ set: String) async throws -> Set<String> {
        Set(try await shelf.redis("ZRANGE", shelf.key(set), "0", "-1").elements?.compactMap(\.text) ?? [])
    }

    /// A change as a log of sessions has them: time goes on, some come late, change their group, end, begin anew or go.
    private func change(at round: Int64, _ random: inout SeededGenerator) -> ShelfChange {
        let id = "session \(Int.random(in: 0..<40, using: &random))"
        if Int.random(in: 0..<12, using: &random) == 0 { return .taken(id) }
        let late: Int64 = Int.random(in: 0..<4, using: &random) == 0 ? .random(in: 1..<16, using: &random) : 0
        let genre = ["1080p", "720p", "480p", nil].randomElement(using: &random) ?? nil
        let hasEnded = Int.random(in: 0..<5, using: &random) == 0
        return .put(id, genre: genre, score: hasEnded ? 1 : nil, hour: round - late)
    }

    @Test("Rows that move, end, go and come late, in random order, with faults in between", arguments: 1...4)
    func random(seed: UInt64) async throws {
        try await CacheHarness.following(recent(), limits: CacheLimits()) { shelf in
            var random = SeededGenerator(seed: seed)
            for round in Int64(1)...60 {
                let count = Int.random(in: 1..<9, using: &random)
                try await shelf.commit((0..<count).map { _ in change(at: round, &random) })
                switch Int.random(in: 0..<14, using: &random) {
                case 0: try await shelf.redis("FLUSHALL")
                case 1: try await shelf.redis("DEL", shelf.key("owner"))
                case 2:
                    // The next write finds it.
                    try await shelf.redis("DEL", shelf.key("since"))
                    try await shelf.commit(change(at: round, &random))
                case 3: try await shelf.redis("CLIENT", "KILL", "TYPE", "normal")
                case 4: try await shelf.redis("SCRIPT", "FLUSH")
                case 5: shelf.writer.serverChanged()
                default: break
                }
                if round % 3 == 0 { try await shelf.waitUntilRight("round \(round)", isExact: false) }
            }
            // After the last round's fault it may still be filled again, and says so by not answering.
            let time = Timestamp(microseconds: 55 * 3_600_000_000)
            var counted = try await shelf.counts(after: time)
            try await wait(for: "the cache to answer") {
                counted = try await shelf.counts(after: time)
                return counted.found != nil
            }
            #expect(counted.found == counted.right)
        }
    }

    @Test("Folding, warming, preloading and the next owner have the same keys")
    func sameKeys() async throws {
        try await CacheHarness.with(recent()) { shelf in
            var random = SeededGenerator(seed: 7)
            for round in Int64(1)...30 {
                try await shelf.commit((0..<5).map { _ in change(at: round, &random) }, isTold: false)
            }
            try await shelf.preload()
            let preloaded = try await names(shelf, "top")
            #expect(!preloaded.isEmpty)
            let groups = try await ["1080p", "720p", "480p"].asyncMap { try await names(shelf, "genre:" + $0) }
            _ = try await shelf.writer.warm("shelf", generation: shelf.generation, fencingValue: shelf.fencingValue)
            let warmed = try await names(shelf, "top")
            #expect(warmed == preloaded)
            for (name, members) in zip(["1080p", "720p", "480p"], groups) {
                #expect(try await names(shelf, "genre:" + name) == members)
            }
            let next = try await shelf.takenOver()
            next.follow()
            try await next.whileRunning {
                try await next.waitUntilRight("the next owner's coming", isExact: false)
                #expect(try await names(next, "top") == warmed)
            }
        }
    }

    @Test("The sets of a group that nobody writes to are emptied as time goes on")
    func idleGroup() async throws {
        try await CacheHarness.following(recent()) { shelf in
            try await shelf.commit((0..<20).map { .put("old \($0)", genre: "480p", hour: 1) })
            try await shelf.waitUntilRight("twenty rows")
            #expect(try await names(shelf, "genre:480p").count == 20)
            try await shelf.commit(.put("new", genre: "1080p", hour: 12))
            try await shelf.waitUntilRight("a later row")
            #expect(try await names(shelf, "top") == ["new"])
            #expect(try await shelf.redis("EXISTS", shelf.key("genre:480p")).integerValue == 0)
        }
    }

    @Test("Beyond the limit the newest stay, and what is older is not counted by the cache")
    func limit() async throws {
        try await CacheHarness.following(recent(limit: 5)) { shelf in
            try await shelf.commit((0..<9).map { .put("session \($0)", genre: "1080p", hour: Int64($0)) })
            try await shelf.waitUntilRight("nine rows")
            #expect(try await names(shelf, "top") == ["session 4", "session 5", "session 6", "session 7", "session 8"])
            func count(after hour: Int64) async throws -> CachedCountsOf? {
                try await shelf.counts(after: Timestamp(microseconds: hour * 3_600_000_000)).found
            }
            #expect(try await count(after: 3) == CachedCountsOf(total: 5, groups: ["1080p": 5]))
            #expect(try await count(after: 2) == nil)
            // One that ends makes room, but not for one that was left out.
            try await shelf.commit(.put("session 8", genre: "1080p", score: 1, hour: 8))
            try await shelf.waitUntilRight("an end", isExact: false)
            #expect(try await names(shelf, "top") == ["session 4", "session 5", "session 6", "session 7"])
            #expect(try await count(after: 2) == nil)
            #expect(try await count(after: 3) == CachedCountsOf(total: 4, groups: ["1080p": 4]))
            try await shelf.redis("FLUSHALL")
            try await shelf.waitUntilRight("warming", isExact: false)
            #expect(try await names(shelf, "top").count == 5)
        }
    }

    @Test("Rows with equal times at the limit are counted, or not at all")
    func equalTimes() async throws {
        for isPreloaded in [false, true] {
            try await CacheHarness.with(recent(limit: 4)) { shelf in
                try await shelf.commit(
                    (0..<9).map { .put("session \($0)", genre: "1080p", hour: $0 < 2 ? 5 : 3) },
                    isTold: false
                )
                if isPreloaded { try await shelf.preload() }
                _ = try await shelf.writer.warm(
                    "shelf",
                    generation: shelf.generation,
                    fencingValue: shelf.fencingValue
                )
                try await shelf.writer.point("shelf", to: shelf.generation)
                for (hour, total) in [(4, 2), (3, 2), (2, nil)] as [(Int64, Int?)] {
                    let found = try await shelf.counts(after: Timestamp(microseconds: hour * 3_600_000_000)).found
                    #expect(found?.total == total)
                }
            }
        }
    }

    @Test("More groups than may have a set: the cache counts in all, and leaves the groups to SQL")
    func tooManyGroups() async throws {
        try await CacheHarness.following(recent(groups: 2)) { shelf in
            try await shelf.commit(
                (0..<6).map { .put("session \($0)", genre: ["a", "b", "c"][min($0 / 2, 1 + $0 / 5)], hour: 3) }
            )
            for round in ["following", "warming"] {
                try await wait(for: "the count after \(round)") {
                    try await shelf.counts(after: .epoch).found == CachedCountsOf(total: 6, groups: nil)
                }
                try await shelf.redis("FLUSHALL")
            }
            try await wait(for: "the largest groups") {
                try await (names(shelf, "genre:a").count, names(shelf, "genre:b").count) == (2, 3)
            }
            #expect(try await names(shelf, "genre:c").isEmpty)
        }
    }

    @Test("One time in the far future does not make all others old")
    func future() async throws {
        let hour = HotSet.now / 3_600_000_000
        let changes: [ShelfChange] = [
            .put("hour", genre: "a", hour: hour - 1), .put("old", genre: "a", hour: hour - 20),
            .put("future", genre: "a", hour: 70_110_000), .put("later", genre: "a", hour: hour - 2),
        ]
        try await CacheHarness.following(recent()) { shelf in
            try await shelf.commit(changes)
            try await shelf.waitUntilRight("a row in the year 9999", isExact: false)
            #expect(try await names(shelf, "top") == ["hour", "future", "later"])
            try await shelf.redis("FLUSHALL")
            try await shelf.waitUntilRight("warming", isExact: false)
            #expect(try await names(shelf, "top") == ["hour", "future", "later"])
        }
    }

    @Test("Scores are microseconds since 1970, exactly")
    func scores() async throws {
        try await CacheHarness.following(recent()) { shelf in
            try await shelf.commit(.put("a", genre: "1080p", hour: 190_000))
            try await shelf.waitUntilRight("a row")
            // 2021-09-03T16:00:00Z
            #expect(try await shelf.redis("ZSCORE", shelf.key("top"), "a").text == "1630684800000000")
            #expect(try await shelf.redis("GET", shelf.key("since")).text == "1630648800000000")
        }
    }

    @Test(
        "A key that is gone or of another type is written again",
        arguments: ["since", "top", "genre:1080p", "groups", "grouped"]
    )
    func wrongType(name: String) async throws {
        try await CacheHarness.following(recent()) { shelf in
            try await shelf.commit(.put("a", genre: "1080p", hour: 3), .put("b", genre: "720p", hour: 3))
            try await shelf.waitUntilRight("two rows")
            try await shelf.redis("DEL", shelf.key(name))
            try await shelf.redis("LPUSH", shelf.key(name), "not ours")
            let counts = try? await shelf.counts(after: .epoch).found
            #expect((counts ?? nil) == nil || name == "grouped")
            try await shelf.commit(.put("a", genre: "1080p", hour: 4))
            try await wait(for: "the key to go") { try await shelf.redis("TYPE", shelf.key(name)).text != "list" }
            try await shelf.waitUntilRight("a key of another type")
        }
    }

    @Test("A ranking that becomes one by time, and back, has no keys of the one before")
    func changedSettings() async throws {
        let best = HotSetSettings(
            .recent(column: "seen", within: .seconds(36_000)),
            limit: 50,
            ranking: HotRanking(score: "seen", group: "genre", best: 3)
        )
        try await CacheHarness.following(recent()) { shelf in
            try await shelf.commit((0..<9).map { .put("session \($0)", genre: "group \($0)", hour: 5) })
            try await shelf.waitUntilRight("nine groups")
        }
        try await CacheHarness.with(recent()) { shelf in
            try await shelf.commit((0..<9).map { .put("session \($0)", genre: "group \($0)", hour: 5) }, isTold: false)
            var owner = shelf
            for settings in [recent(), best, recent()] {
                owner = try await owner.takenOver(settings)
                owner.follow()
                let next = owner
                try await next.whileRunning {
                    try await wait(for: "the other ranking") {
                        let isKnown = try await next.redis("EXISTS", next.key("since")).integerValue == 1
                        let count = try await names(next, "top").count
                        let grouped = try await next.redis("HLEN", next.key("grouped")).integerValue
                        return isKnown == (settings.ranking?.within != nil) && count == (isKnown ? 9 : 3)
                            && grouped == 9
                    }
                }
                await next.writer.close()
            }
        }
    }

    @Test("Without a pointer, a ranking by time or a server the cache does not count")
    func noAnswer() async throws {
        try await CacheHarness.following(recent()) { shelf in
            try await shelf.commit(.put("a", genre: "1080p", hour: 3))
            try await shelf.waitUntilRight("a row")
            #expect(try await shelf.counts(after: .epoch).found == CachedCountsOf(total: 1, groups: ["1080p": 1]))
            // Further back than the sets go.
            #expect(try await shelf.cache.counts("shelf", after: Timestamp(microseconds: -8 * 3_600_000_000)) == nil)
            #expect(try await shelf.cache.counts("nothing", after: .epoch) == nil)
            #expect(try await shelf.cache.counts("shelf", after: .infinity) == nil)
            #expect(try await shelf.cache.rows("shelf", keys: ["a", "b"]).map { $0 != nil } == [true, false])
            #expect(try await shelf.cache.rows("shelf", keys: []).isEmpty)
            shelf.server.kill()
            await #expect(throws: (any Error).self) { try await shelf.cache.counts("shelf", after: .epoch) }
        }
    }
}

extension Array {
    fileprivate func asyncMap<Result>(_ body: (Element) async throws -> Result) async rethrows -> [Result] {
        var results: [Result] = []
        for element in self { results.append(try await body(element)) }
        return results
    }
}
