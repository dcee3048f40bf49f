import Engine
import HotCache
import Redis
import Refold
import TestProjections
import TestSupport
import Testing

@Suite("Hot rows that are sent while the database stores them")
struct HotCachePreloadTests {
    private static let ranking = HotRanking(score: "score", group: "genre", best: 10)
    private static let choices: [HotSetSettings] = [
        HotSetSettings(.all, limit: 1000),
        HotSetSettings(.all, limit: 50, ranking: ranking),
        HotSetSettings(.top(column: "score"), limit: 50, ranking: ranking),
        HotSetSettings(.top(column: "score"), limit: 1000, ranking: HotRanking(score: "score", best: 7)),
        HotSetSettings(.recent(column: "seen", within: .seconds(40 * 3600)), limit: 1000, ranking: ranking),
        HotSetSettings(.recent(column: "seen", within: .seconds(40 * 3600)), limit: 20),
    ]

    /// Many of equal score and time, some without a score or a genre, some removed again.
    private let changes: [ShelfChange] = (0..<300).map(Self.thing) + (0..<20).map { .taken("thing \($0 * 3)") }

    private static func thing(_ number: Int) -> ShelfChange {
        let genre = number % 11 == 0 ? nil : "genre \(number % 4)"
        let score = number % 13 == 0 ? nil : Double(number % 9) - 4
        return .put("thing \(number * 7919 % 300)", genre: genre, score: score, hour: Int64(number % 60))
    }

    private func withPreloaded(
        _ settings: HotSetSettings,
        _ body: @Sendable (CacheHarness) async throws -> Void
    ) async throws {
        try await CacheHarness.with(settings) { shelf in
            try await shelf.commit(changes, isTold: false)
            try await shelf.preload()
            try await body(shelf)
        }
    }

    private func expectRightOncePointed(_ shelf: CacheHarness) async throws {
        _ = try await shelf.writer.warm("shelf", generation: shelf.generation, fencingValue: shelf.fencingValue)
        #expect(try await shelf.writer.point("shelf", to: shelf.generation))
        #expect(try await shelf.discrepancy() == nil)
    }

    @Test("They are those that the database would be asked for, and are not sent again", arguments: choices)
    func same(settings: HotSetSettings) async throws {
        try await withPreloaded(settings) { shelf in
            #expect(try await shelf.redis("EXISTS", shelf.key("through")).integerValue == 0, "nothing is committed yet")
            #expect(try await shelf.redis("TTL", shelf.key("hot")).integerValue ?? -1 > 0, "the process may die here")
            let hot = try await shelf.redis("ZCARD", shelf.key("hot")).integerValue
            let best = try await shelf.redis("ZREVRANGE", shelf.key("hot"), "0", "0").elements?.first?.text ?? ""
            let row = try await shelf.cachedJSON(best) ?? ""
            try await shelf.redis("SET", shelf.key("row:\(best)"), "not overwritten")

            let result = try await shelf.writer.warm(
                "shelf",
                generation: shelf.generation,
                fencingValue: shelf.fencingValue
            )
            #expect(result?.rows == hot.map { Int($0) })
            #expect(try await shelf.cachedJSON(best) == "not overwritten")
            try await shelf.redis("SET", shelf.key("row:\(best)"), row)
            #expect(try await shelf.writer.point("shelf", to: shelf.generation))
            #expect(try await shelf.discrepancy() == nil)
        }
    }

    @Test("Rows that change before the commit is confirmed are read from the database")
    func changed() async throws {
        try await withPreloaded(Self.choices[2]) { shelf in
            try await shelf.commit(
                [.put("thing 1", genre: "genre 1", score: 1000), .taken("thing 2")],
                isTold: false
            )
            try await expectRightOncePointed(shelf)
        }
    }

    @Test("A cache that was flushed meanwhile is warmed from the database")
    func flushed() async throws {
        try await withPreloaded(Self.choices[2]) { shelf in
            try await shelf.redis("FLUSHALL")
            try await expectRightOncePointed(shelf)
        }
    }

    @Test("Who lost the generation meanwhile confirms nothing")
    func lost() async throws {
        try await withPreloaded(Self.choices[2]) { shelf in
            let next = try await shelf.takenOver()
            await #expect(throws: (any Error).self) {
                try await shelf.writer.warm("shelf", generation: shelf.generation, fencingValue: shelf.fencingValue)
            }
            #expect(try await shelf.redis("EXISTS", shelf.key("through")).integerValue == 0)
            await next.writer.close()
        }
    }
}
