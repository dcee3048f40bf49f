import Engine
import HotCache
import Logging
import Postgres
import Redis
import Refold
import TestProjections
import TestSupport
import Testing

@Suite("The hot cache becomes right by itself")
struct HotCacheFailureTests {
    private let ranked = HotSetSettings(
        .top(column: "score"),
        limit: 50,
        ranking: HotRanking(score: "score", group: "genre", best: 10)
    )
    private let plain = HotSetSettings(.top(column: "score"), limit: 50)

    private func things(_ round: Int, count: Int = 20) -> [ShelfChange] {
        (0..<count).map { number in
            .put(
                "thing \((round + number * 7) % 90)",
                genre: ["drama", "comedy", nil][number % 3],
                score: Double(round * 100 + number)
            )
        }
    }

    @Test("after a flush in the middle of many commits", arguments: [true, false])
    func flushed(isRanked: Bool) async throws {
        try await CacheHarness.following(isRanked ? ranked : plain) { shelf in
            for round in 1...60 {
                try await shelf.commit(things(round))
                if round % 20 == 7 { try await shelf.redis("FLUSHALL") }
            }
            try await shelf.waitUntilRight("three flushes")
            // Nobody commits any more: the comparison of the pointers finds it.
            try await shelf.redis("FLUSHALL")
            try await shelf.waitUntilRight("a flush while nothing is going on")
        }
    }

    @Test("after the server was killed and came back empty", arguments: [true, false])
    func killed(isRanked: Bool) async throws {
        try await CacheHarness.following(isRanked ? ranked : plain) { shelf in
            try await shelf.commit(things(1))
            try await shelf.waitUntilRight("a window")
            shelf.server.kill()
            for round in 2...10 { try await shelf.commit(things(round)) }
            let connection = try await shelf.database.connect()
            let status = await shelf.writer.status(of: "shelf", on: connection)
            #expect(status.state == .behind)
            #expect(status.error?.contains("connectionFailed") == true || status.error?.contains("connecting") == true)
            try await shelf.server.start()
            try await shelf.waitUntilRight("the server's return")
            try await wait(for: "the status to say so") {
                await shelf.writer.status(of: "shelf", on: connection).state == .current
            }
        }
    }

    @Test("after a server that did not answer for a while, and nobody waited for it", arguments: [true, false])
    func paused(isRanked: Bool) async throws {
        try await CacheHarness.following(isRanked ? ranked : plain) { shelf in
            try await shelf.commit(things(1))
            try await shelf.waitUntilRight("a window")
            shelf.server.pause()
            var times: [Duration] = []
            for round in 2...30 {
                let start = ContinuousClock.now
                shelf.writer.committed(
                    shelf.writer.encode([[], []], of: shelf.generation),
                    of: shelf.generation,
                    through: GlobalPosition(await shelf.position)
                )
                times.append(ContinuousClock.now - start)
                try await shelf.commit(things(round))
            }
            // The timeout of a command is 300 ms. The median, since a busy machine may hold up a single one.
            #expect(times.sorted()[times.count / 2] < .milliseconds(100), "\(times)")
            shelf.server.resume()
            try await shelf.waitUntilRight("the server's return")
        }
    }

    @Test("after more commits than the queue holds")
    func overflow() async throws {
        let limits = CacheLimits(rows: 30, bytes: 1 << 20, windows: 2)
        for settings in [ranked, plain] {
            try await CacheHarness.following(settings, limits: limits) { shelf in
                for round in 1...100 { try await shelf.commit(things(round)) }
                try await shelf.commit(things(101, count: 60))
                try await shelf.commit(.taken("thing 3"), .taken("thing 4"))
                try await shelf.waitUntilRight("more than the queue holds", isExact: false)
            }
        }
    }

    @Test("after windows that nobody told it about")
    func untold() async throws {
        try await CacheHarness.following(ranked) { shelf in
            for round in 1...5 { try await shelf.commit(things(round)) }
            try await shelf.waitUntilRight("five windows")
            // More rows in one window than the set has are not sent but read.
            try await shelf.commit((0..<1500).map { .put("many \($0)", genre: "drama", score: Double(2000 + $0)) })
            try await shelf.waitUntilRight("a large window")
        }
    }

    @Test("after the server had no memory left, and serves nothing old meanwhile")
    func full() async throws {
        try await CacheHarness.following(ranked, arguments: ["--maxmemory-policy", "noeviction"]) { shelf in
            try await shelf.commit(things(1))
            try await shelf.waitUntilRight("a window")
            try await shelf.redis("CONFIG", "SET", "maxmemory", "1")
            try await shelf.commit(things(2))
            try await wait(for: "the rows to go") {
                try await shelf.redis("EXISTS", shelf.key("hot"), shelf.key("owner"), shelf.key("top")).integerValue
                    == 0
            }
            let keys = try await shelf.redis("KEYS", "*").elements?.compactMap(\.text) ?? []
            #expect(!keys.contains { $0.contains(":row:") || $0.contains(":genre:") })
            let connection = try await shelf.database.connect()
            try await wait(for: "the status to say so") {
                let status = await shelf.writer.status(of: "shelf", on: connection)
                return status.state == .behind && status.error?.contains("OOM") == true
            }
            for round in 3...6 { try await shelf.commit(things(round)) }
            try await shelf.redis("CONFIG", "SET", "maxmemory", "0")
            try await shelf.waitUntilRight("memory")
        }
    }

    @Test("after its scripts were taken away")
    func scriptFlush() async throws {
        try await CacheHarness.following(ranked) { shelf in
            try await shelf.redis("SCRIPT", "FLUSH")
            try await shelf.commit(things(1))
            try await shelf.waitUntilRight("a window")
        }
    }

    @Test("after its own session with the database was ended")
    func databaseSession() async throws {
        try await CacheHarness.following(ranked) { shelf in
            let connection = try await shelf.database.connect()
            let ended = try await connection.query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cache'"
                    + " AND datname = current_database()"
            )
            #expect(ended.count == 1)
            try await shelf.redis("FLUSHALL")
            try await shelf.commit(things(1))
            try await shelf.waitUntilRight("a new session")
        }
    }

    @Test("after the database began anew under the same keys")
    func otherDatabase() async throws {
        try await CacheHarness.following(ranked) { old in
            for round in 1...10 { try await old.commit(things(round)) }
            try await old.waitUntilRight("ten windows")
            // Another database whose generation has the same number, lower positions and a lower fencing value and revision.
            _ = try await old.takenOver()
            try await TestDatabase.with { database in
                var engine = EngineSettings()
                engine.databaseURL = database.url
                try await Engine(engine, projections: [Shelf()], logger: Logger(label: "test")).migrate()
                let new = try await CacheHarness(database, old.server, ranked)
                #expect(new.generation == old.generation)
                try await new.point()
                new.follow()
                try await new.whileRunning {
                    try await new.commit(.put("new", genre: "noir", score: 1))
                    try await new.waitUntilRight("the new database's first row")
                }
                await new.writer.close()
            }
        }
    }

    // MARK: Fencing

    @Test("An owner that was replaced writes nothing, and leaves")
    func fenced() async throws {
        try await CacheHarness.following(ranked) { old in
            try await old.commit(.put("a", genre: "drama", score: 1))
            try await old.waitUntilRight("the first owner's row")
            let row = try await old.cachedJSON("a")
            let new = try await old.takenOver()
            // The next owner's first act, and at once what the first one would send, had it been stopped just before:
            // long before it looks whether it still has its lease.
            try await new.redis("SET", new.key("owner"), "\(new.fencingValue)")
            try await old.tell(.put("a", genre: "drama", score: 99), at: 50)
            try await wait(for: "the first owner to leave") { !old.writer.isFollowing(old.generation) }
            #expect(try await new.cachedJSON("a") == row)
            await #expect(throws: (any Error).self) { try await old.commit(.put("a", genre: "drama", score: 98)) }
            new.follow()
            try await new.whileRunning {
                try await new.commit(.put("a", genre: "drama", score: 2))
                try await new.waitUntilRight("the second owner's row")
                #expect(try await new.redis("GET", new.key("owner")).integerValue == new.fencingValue.rawValue)
                // Without an owner's key nobody but the owner may take it.
                old.follow()
                try await new.redis("FLUSHALL")
                try await new.waitUntilRight("a flush")
                try await wait(for: "the first owner to leave again") { !old.writer.isFollowing(old.generation) }
                #expect(try await new.redis("GET", new.key("owner")).integerValue == new.fencingValue.rawValue)
            }
            await new.writer.close()
        }
    }

    @Test("Who has lost the lease cannot take a key that nobody has")
    func leaseLost() async throws {
        try await CacheHarness.with(ranked) { old in
            let new = try await old.takenOver()
            old.follow()
            try await old.whileRunning {
                try await wait(for: "the first owner to leave") { !old.writer.isFollowing(old.generation) }
            }
            #expect(try await old.redis("DBSIZE").integerValue == 0)
            await new.writer.close()
        }
    }

    @Test("A row is never replaced by an older one")
    func olderPosition() async throws {
        try await CacheHarness.following(ranked) { shelf in
            try await shelf.commit((0..<20).map { .put("thing \($0)", score: Double($0)) })
            try await shelf.waitUntilRight("the rows")
            let newer = #"{"_position":9223372036854775806,"id":"thing 3"}"#
            try await shelf.redis("SET", shelf.key("row:thing 3"), newer)
            try await shelf.redis("SET", shelf.key("row:thing 4"), #"{"_position":9,"id":"thing 4"}"#)
            // Told again, as after a lost reply; 21 is less than 9 as text.
            try await shelf.tell(.put("thing 3", score: 21), .put("thing 4", score: 22), at: 21)
            try await wait(for: "the other row") { try await shelf.cachedJSON("thing 4")?.contains("22") == true }
            #expect(try await shelf.cachedJSON("thing 3") == newer)
        }
    }
}
