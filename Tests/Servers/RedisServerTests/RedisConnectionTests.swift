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
            #expect(try await connection.send("GET", redis.key("b")).isNull)
            #expect(try await connection.send("INCRBY", redis.key("a"), .integer(-43)) == .integer(-42))
            #expect(try await connection.send("GET", redis.key("a")).integerValue == -42)
            await connection.close()
        }
    }

    @Test("carries every byte in keys and values, and empty ones")
    func isBinarySafe() async throws {
        try await TestRedis.withPrefix { redis in
            let connection = try await redis.connect()
            let everyByte = (0...255).map { UInt8($0) } + Array("\r\n$-1\r\n*0\r\n".utf8)
            let key = RedisArgument.bytes(Array(redis.prefix.utf8) + everyByte)
            for value in [everyByte, [], [0], Array(repeating: 7, count: 3_000_000)] {
                try await connection.send("SET", key, .bytes(value))
                #expect(try await connection.send("GET", key).bytes == value)
            }
            try await connection.send("SADD", redis.key("set"), "", "it's \"quoted\"", "genre:drama", "日本")
            let members = try await connection.send("SMEMBERS", redis.key("set")).elements ?? []
            #expect(Set(members.map(\.text)) == ["", "it's \"quoted\"", "genre:drama", "日本"])
        }
    }

    @Test("writes arguments of every kind and length as they are")
    func encodesArguments() async throws {
        try await TestRedis.withPrefix { redis in
            let connection = try await redis.connect()
            for length in [0, 1, 9, 10, 99, 100, 999, 1000, 99_999, 100_000] {
                let bytes = [UInt8](repeating: UInt8(ascii: "x"), count: length)
                #expect(try await connection.send("ECHO", .bytes(bytes)).bytes == bytes)
            }
            for number in [0, 9, 10, 99, 100, -1, -9, -10, .max, .min, .max / 10, .min / 10] as [Int64] {
                #expect(try await connection.send("ECHO", .integer(number)).integerValue == number)
            }
            for number in [0, 0.1, -1.5, 1e300, Double.leastNonzeroMagnitude, .pi, 2_543.123456789] as [Double] {
                try await connection.send("ZADD", redis.key("scores"), .double(number), "member")
                let score = try await connection.send("ZSCORE", redis.key("scores"), "member").text
                #expect(score.flatMap { Double($0) } == number)
            }
            let many = (0..<1000).map { RedisArgument.integer($0) }
            #expect(try await connection.send(RedisCommand("RPUSH", [redis.key("list")] + many)) == .integer(1000))
        }
    }

    @Test("returns replies of every kind, nested ones too")
    func readsReplies() async throws {
        try await TestRedis.withPrefix { redis in
            let connection = try await redis.connect()
            let reply = try await connection.send(
                "EVAL",
                "return {1, 'two', {redis.status_reply('three'), false, {}}, redis.error_reply('FOUR it is')}",
                0
            )
            #expect(
                reply
                    == .array([
                        .integer(1), .string(Array("two".utf8)), .array([.status("three"), .null, .array([])]),
                        .error(RedisReplyError(line: "FOUR it is")),
                    ])
            )
        }
    }

    @Test("throws what the server refuses, with its code and without the arguments, and goes on")
    func throwsRefusals() async throws {
        try await TestRedis.withPrefix { redis in
            let connection = try await redis.connect()
            try await connection.send("SET", redis.key("text"), "1")
            let wrongType = try await #require(throws: RedisError.self) {
                try await connection.send("LPUSH", redis.key("text"), "s3cret")
            }
            #expect(wrongType.code == .reply("WRONGTYPE"))
            #expect(wrongType.operation == "LPUSH")
            #expect(wrongType.address == redis.url.address)
            #expect(!wrongType.isTransient && !wrongType.endsConnection)
            let unknown = try await #require(throws: RedisError.self) {
                try await connection.send("NOSUCHCOMMAND", "s3cret")
            }
            #expect(unknown.code == .reply("ERR"))
            #expect(unknown.description.contains("NOSUCHCOMMAND") && !unknown.description.contains("s3cret"))
            #expect(try await connection.send("PING") == .status("PONG"))
        }
    }

    @Test("carries a pipeline of 10,000 commands in order, with refusals in their places")
    func pipelines() async throws {
        try await TestRedis.withPrefix { redis in
            let connection = try await redis.connect()
            #expect(try await connection.pipeline([]) == [])
            try await connection.send("SET", redis.key("text"), "1")
            let commands = (0..<10_000).map { index in
                index % 1000 == 500
                    ? RedisCommand("LPUSH", redis.key("text"), "x")
                    : RedisCommand("SET", redis.key("\(index)"), .integer(Int64(index)), "GET")
            }
            let replies = try await connection.pipeline(commands)
            #expect(replies.count == 10_000)
            #expect(
                replies.indices.filter { replies[$0].error?.code == "WRONGTYPE" }
                    == commands.indices.filter { $0 % 1000 == 500 }
            )
            let reading = (0..<10_000).map { RedisCommand("GET", redis.key("\($0)")) }
            let values = try await connection.pipeline(reading).map(\.integerValue)
            #expect(values == (0..<10_000).map { $0 % 1000 == 500 ? nil : $0 })
        }
    }

    @Test("reads while it sends: replies do not pile up in the server, however large a pipeline is")
    func readsWhileSending() async throws {
        // The server hangs up when more than 2 MB of replies wait for a client; the pipeline has 100 MB each way.
        try await PrivateRedisServer.withServer(arguments: ["--client-output-buffer-limit", "normal 2mb 0 0"]) {
            server in
            let connection = try await server.connect()
            let commands = (0..<10_000).map { index in
                RedisCommand("ECHO", .bytes([UInt8](repeating: UInt8(truncatingIfNeeded: index), count: 10_000)))
            }
            let replies = try await connection.pipeline(commands)
            #expect(replies.count == 10_000)
            #expect(
                zip(replies.indices, replies).allSatisfy {
                    $1.bytes?.count == 10_000 && $1.bytes?[0] == UInt8(truncatingIfNeeded: $0)
                }
            )
        }
    }

    @Test("tells the server its name, and logs in to the database of the URL")
    func selectsDatabase() async throws {
        try await PrivateRedisServer.withServer { server in
            let url = try RedisURL(server.urlText + "?db=3")
            let connection = try await RedisConnection.connect(to: url, clientName: "refold-test")
            #expect(try await connection.send("CLIENT", "GETNAME").text == "refold-test")
            #expect(try await connection.send("CLIENT", "INFO").text?.contains(" db=3 ") == true)
        }
    }

    @Test("that is let go of is closed")
    func closesWhenReleased() async throws {
        try await PrivateRedisServer.withServer { server in
            let watcher = try await server.connect()
            for _ in 0..<10 {
                _ = try await server.connect()
            }
            try await eventually {
                let list = try await watcher.send("CLIENT", "LIST").text ?? ""
                return list.split(separator: "\n").count == 1
            }
        }
    }

    @Test("after closing is misuse to use; closing twice is not")
    func closes() async throws {
        try await TestRedis.withPrefix { redis in
            let connection = try await redis.connect()
            #expect(await connection.isUsable)
            await connection.close()
            await connection.close()
            #expect(await !connection.isUsable)
            let error = try await #require(throws: RedisError.self) { try await connection.send("PING") }
            #expect(error.code == .misuse)
        }
    }
}

/// Waits until a condition holds, and fails when it does not within twenty seconds.
func eventually(_ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(20)
    while try await !condition() {
        guard ContinuousClock.now < deadline else {
            Issue.record("the condition did not come to hold in time")
            return
        }
        try await Task.sleep(for: .milliseconds(1))
    }
}
