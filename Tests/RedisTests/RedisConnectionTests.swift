import Redis
import TestSupport
import Testing

@Suite("A Redis connection")
struct RedisConnectionTests {
    @Test("sends one command and returns its reply")
    func sendsOneCommand() async throws {
        try await TestRedis.withPrefix { redis in
            let connection = try await redis.connect()
            #expect(try await connection.send("SET", redis.key("a"), "1") == .status("OK"))
            #expect(try await connection.send("GET", redis.key("a")) == .string(Array("1".utf8)))
            #expect(try await connection.send("GET", redis.key("b")) == .null)
            #expect(try await connection.send("INCRBY", redis.key("a"), .integer(-43)) == .integer(-42))
            #expect(try await connection.send("GET", redis.key("a")).integerValue == -42)
            await connection.close()
        }
    }

    @Test("carries a pipeline of 10,000 commands in order")
    func pipelines() async throws {
        try await TestRedis.withPrefix { redis in
            let connection = try await redis.connect()
            let commands = (0..<10_000).map { RedisCommand("RPUSH", redis.key("list"), .integer($0)) }
            let replies = try await connection.pipeline(commands)
            #expect(replies == (1...10_000).map { RedisReply.integer($0) })
            let list = try await connection.send("LRANGE", redis.key("list"), 0, -1)
            #expect(list.elements?.map(\.integerValue) == (0..<10_000).map { $0 })
        }
    }
}
