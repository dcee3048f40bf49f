import Redis
import TestSupport
import Testing

@Suite("A Redis script")
struct RedisScriptTests {
    private let increase = "return redis.call('INCRBY', KEYS[1], ARGV[1])"
    private let refuse = "return redis.error_reply('STALE the row is newer')"

    @Test("is called by the hash that the server gave it")
    func isCalledByItsHash() async throws {
        try await PrivateRedisServer.withServer { server in
            let connection = try await server.connect()
            let scripts = try await connection.load((0...130).map { "return \($0) --é" })
            #expect(scripts.map(\.source) == (0...130).map { "return \($0) --é" })
            #expect(Set(scripts.map(\.hash)).count == scripts.count)
            #expect(try await connection.evaluate(scripts[77]) == .integer(77))
            #expect(try await connection.load([scripts[77].source]) == [scripts[77]])
        }
    }

    @Test("is good for a server that never saw it")
    func isGoodElsewhere() async throws {
        try await PrivateRedisServer.withServer { server in
            let script = try await server.connect().load([increase])[0]
            try await PrivateRedisServer.withServer { other in
                let connection = try await other.connect()
                #expect(try await connection.evaluate(script, keys: ["n"], arguments: [7]) == .integer(7))
            }
        }
    }

    @Test("runs again after the server has forgotten it")
    func survivesFlush() async throws {
        try await PrivateRedisServer.withServer { server in
            let connection = try await server.connect()
            let increase = try await connection.load([increase])[0]
            for expected in 1...3 as ClosedRange<Int64> {
                #expect(try await connection.evaluate(increase, keys: ["n"], arguments: [1]) == .integer(expected))
                try await connection.send("SCRIPT", "FLUSH")
            }
        }
    }

    @Test("in a pipeline is loaded once, and each call runs once")
    func runsInPipelines() async throws {
        try await PrivateRedisServer.withServer { server in
            let connection = try await server.connect()
            let increase = try await connection.load([increase])[0]
            // The first half runs, then the server forgets the script, and the second half is refused.
            let calls = (0..<1000).map { _ in increase.call(keys: ["n"], arguments: [1]) }
            let commands = calls + [RedisCommand("SCRIPT", "FLUSH"), RedisCommand("GET", "n")] + calls
            let replies = try await connection.pipeline(commands, loading: [increase])
            #expect(replies[..<1000] == (1...1000).map { RedisReply.integer($0) }[...])
            #expect(replies[1000] == .status("OK") && replies[1001].integerValue == 1000)
            #expect(replies[1002...] == (1001...2000).map { RedisReply.integer($0) }[...])
            #expect(try await connection.send("GET", "n").integerValue == 2000)
        }
    }

    @Test("that the caller did not offer to load stays refused in its place")
    func reportsMissing() async throws {
        try await PrivateRedisServer.withServer { server in
            let connection = try await server.connect()
            let scripts = try await connection.load([increase, refuse])
            let (increase, refuse) = (scripts[0], scripts[1])
            try await connection.send("SCRIPT", "FLUSH")
            let replies = try await connection.pipeline([increase.call(keys: ["n"], arguments: [1])])
            #expect(replies.map { $0.error?.code } == ["NOSCRIPT"])
            let other = try await connection.pipeline([increase.call(keys: ["n"], arguments: [1])], loading: [refuse])
            #expect(other.map { $0.error?.code } == ["NOSCRIPT"])
        }
    }

    @Test("that refuses is a typed error with the script's own code")
    func refuses() async throws {
        try await TestRedis.withPrefix { redis in
            let connection = try await redis.connect()
            let refuse = try await connection.load([refuse])[0]
            let error = try await #require(throws: RedisError.self) { try await connection.evaluate(refuse) }
            #expect(error.code == .reply("STALE"))
            #expect(error.message == "the row is newer")
            #expect(await connection.isUsable)
        }
    }

    @Test("that does not compile is refused when it is loaded")
    func refusesNonsense() async throws {
        try await TestRedis.withPrefix { redis in
            let connection = try await redis.connect()
            let error = try await #require(throws: RedisError.self) {
                try await connection.load(["this is no Lua"])
            }
            #expect(error.code == .reply("ERR") && error.operation == "SCRIPT LOAD")
        }
    }
}
