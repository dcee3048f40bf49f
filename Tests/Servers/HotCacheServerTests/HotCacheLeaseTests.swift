import Engine
import HotCache
import Redis
import Refold
import TestProjections
import TestSupport
import Testing

@Suite("The hot cache's pointer is good for a time only", .serialized)
struct HotCacheLeaseTests {
    private let settings = HotSetSettings(
        .top(column: "score"),
        limit: 50,
        ranking: HotRanking(score: "score", group: "genre", best: 10)
    )
    private let pointer = "\(CacheHarness.prefix):shelf:live"

    private func ttl(_ shelf: CacheHarness) async throws -> Int64 {
        try await shelf.redis("PTTL", pointer).integerValue ?? -3
    }

    private func things(_ round: Int) -> [ShelfChange] {
        (0..<9).map { .put("thing \($0)", genre: ["drama", "comedy"][$0 % 2], score: Double(round * 100 + $0)) }
    }

    @Test("It is renewed while what was committed is there, and made short again when something else made it long")
    func renewed() async throws {
        try await CacheHarness.following(settings) { shelf in
            try await shelf.commit(things(1))
            try await shelf.waitUntilRight("a window")
            #expect((1...10_000).contains(try await ttl(shelf)))
            try await shelf.redis("PEXPIRE", pointer, "500")
            try await wait(for: "the renewal") { try await ttl(shelf) > 5000 }
            try await shelf.redis("PERSIST", pointer)
            try await wait(for: "a short time") { (1...10_000).contains(try await ttl(shelf)) }
        }
    }

    @Test("It expires when the server refuses writes and serves reads, the status says why, and it comes back")
    func refused() async throws {
        try await CacheHarness.following(settings) { shelf in
            try await shelf.commit(things(1))
            try await shelf.waitUntilRight("a window")
            try await shelf.redis("CONFIG", "SET", "min-replicas-to-write", "1")
            try await shelf.commit(things(2))
            try await wait(for: "the pointer to expire") { try await ttl(shelf) == -2 }
            let connection = try await shelf.database.connect()
            let observer = try await CacheHarness(shelf.database, shelf.server, shelf.settings).writer
            for writer in [shelf.writer, observer] {
                let status = await writer.status(of: "shelf", on: connection)
                #expect(status.state == .behind)
                #expect(status.error?.contains("NOREPLICAS") == true, "\(status.error ?? "")")
                #expect(status.staleUntil == nil)
            }
            await observer.close()
        }
    }

    @Test("It comes back by warming when the server takes writes again")
    func comesBack() async throws {
        try await CacheHarness.following(settings) { shelf in
            try await shelf.commit(things(1))
            try await shelf.waitUntilRight("a window")
            try await shelf.redis("CONFIG", "SET", "min-replicas-to-write", "1")
            try await shelf.commit(things(2))
            try await wait(for: "the pointer to expire") { try await ttl(shelf) == -2 }
            try await shelf.redis("CONFIG", "SET", "min-replicas-to-write", "0")
            try await shelf.waitUntilRight("writes", isExact: false)
        }
    }

    @Test("At rest it lasts for long; who owns the generation next makes it short, and nobody else makes it long again")
    func rest() async throws {
        try await CacheHarness.with(settings) { shelf in
            shelf.follow()
            try await shelf.commit(things(1))
            await shelf.writer.finish(shelf.generation)
            #expect(try await shelf.discrepancy() == nil)
            #expect((86_400_000...93_600_000).contains(try await ttl(shelf)))
            let next = try await shelf.takenOver()
            next.follow()
            try await next.whileRunning {
                try await next.waitUntilRight("the next owner's coming")
                try await wait(for: "a short time") { (1...10_000).contains(try await ttl(next)) }
                shelf.follow()
                await shelf.writer.finish(shelf.generation)
                #expect((1...10_000).contains(try await ttl(next)))
            }
            await next.writer.close()
        }
    }

    @Test("A rebuild that nobody follows leaves it for long")
    func pointed() async throws {
        try await CacheHarness.with(settings) { shelf in
            try await shelf.commit(things(1), isTold: false)
            _ = try await shelf.writer.warm("shelf", generation: shelf.generation, fencingValue: shelf.fencingValue)
            #expect(try await shelf.writer.point("shelf", to: shelf.generation))
            #expect((86_400_000...93_600_000).contains(try await ttl(shelf)))
        }
    }

    @Test("An owner that cannot make it short says until when readers get old rows")
    func stale() async throws {
        try await CacheHarness.with(settings) { shelf in
            try await shelf.commit(things(1), isTold: false)
            _ = try await shelf.writer.warm("shelf", generation: shelf.generation, fencingValue: shelf.fencingValue)
            #expect(try await shelf.writer.point("shelf", to: shelf.generation))
            try await shelf.redis("CONFIG", "SET", "min-replicas-to-write", "1")
            let next = try await shelf.takenOver()
            next.follow()
            try await next.whileRunning {
                try await next.commit(things(2))
                let connection = try await shelf.database.connect()
                for writer in [next.writer, shelf.writer] {
                    try await wait(for: "the status to say so") {
                        let status = await writer.status(of: "shelf", on: connection)
                        return status.staleUntil != nil && status.error?.contains("cache stale until 2") == true
                            && status.error?.contains("NOREPLICAS") == true
                    }
                }
            }
            await next.writer.close()
        }
    }

    // MARK: A server that has lost something

    @Test("After a crash or a promotion what was cached goes, and rows of events that are gone are never served again")
    func serverChanged() async throws {
        try await CacheHarness.following(settings) { shelf in
            for round in 1...3 { try await shelf.commit(things(round)) }
            try await shelf.waitUntilRight("three windows")
            try await shelf.loseEvents(to: 20)
            shelf.writer.serverChanged()
            try await shelf.waitUntilRight("the loss")
            // The same positions are drawn again.
            try await shelf.commit((0..<9).map { .put("other \($0)", genre: "noir", score: Double(900 + $0)) })
            try await shelf.waitUntilRight("other events")
        }
    }

    @Test("Nothing is written before the pointer is gone")
    func pointerFirst() async throws {
        try await CacheHarness.with(settings) { shelf in
            try await shelf.commit(things(1), isTold: false)
            shelf.follow()
            await shelf.writer.finish(shelf.generation)
            #expect(try await shelf.discrepancy() == nil)
            // The pointer cannot be removed, everything else could be written.
            try await shelf.redis(
                "ACL",
                "SETUSER",
                "default",
                "resetkeys",
                "%R~*",
                "%RW~\(shelf.key("").replacingBrackets)*"
            )
            try await shelf.loseEvents(to: 5)
            shelf.writer.serverChanged()
            shelf.follow()
            try await shelf.whileRunning {
                let connection = try await shelf.database.connect()
                try await wait(for: "the status to say so") {
                    await shelf.writer.status(of: "shelf", on: connection).error?.contains("NOPERM") == true
                }
                #expect(try await shelf.redis("GET", shelf.key("through")).integerValue == 9)
                try await shelf.redis("ACL", "SETUSER", "default", "allkeys")
                try await shelf.waitUntilRight("the pointer's removal")
            }
        }
    }

    @Test("Who takes a generation over and finds the cache ahead of it writes all of it anew")
    func ahead() async throws {
        try await CacheHarness.with(settings) { shelf in
            try await shelf.commit(things(1), isTold: false)
            shelf.follow()
            await shelf.writer.finish(shelf.generation)
            try await shelf.loseEvents(to: 5)
            let next = try await shelf.takenOver()
            next.follow()
            try await next.whileRunning { try await next.waitUntilRight("the next owner's coming") }
            await next.writer.close()
        }
    }
}

extension String {
    /// The pattern that this text alone matches.
    fileprivate var replacingBrackets: String { map { "[]*".contains($0) ? "?" : String($0) }.joined() }
}
