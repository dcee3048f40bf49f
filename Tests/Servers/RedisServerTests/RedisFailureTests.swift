import Redis
import TestSupport
import Testing

@Suite("A Redis connection, when things go wrong")
struct RedisFailureTests {
    /// For servers that do not answer at all.
    private let hasty = RedisTimeouts(connect: .milliseconds(50), command: .milliseconds(50))
    /// For servers that answer at first: long enough for a busy machine.
    private let brief = RedisTimeouts(command: .seconds(1))

    private func failure<R>(_ body: () async throws -> R) async throws -> RedisError {
        try await #require(throws: RedisError.self) { _ = try await body() }
    }

    @Test("gives up on a silent server in time, and is closed so that no late reply is misread")
    func timesOut() async throws {
        try await PrivateRedisServer.withServer { server in
            let connection = try await server.connect(timeouts: brief)
            server.pause()
            let started = ContinuousClock.now
            let error = try await failure { try await connection.send("SET", "a", "1") }
            #expect(ContinuousClock.now - started >= .seconds(1))
            #expect(ContinuousClock.now - started < .seconds(20))
            #expect(error.code == .timedOut && error.isTransient && error.endsConnection)
            #expect(error.operation == "SET")
            #expect(await !connection.isUsable)
            server.resume()
            let later = try await failure { try await connection.send("GET", "b") }
            #expect(later.code == .connectionLost)
            #expect(later.description.contains("closed"))
            // The server did get the command: a timeout says nothing about that.
            let another = try await server.connect()
            try await eventually { try await another.send("GET", "a").integerValue == 1 }
        }
    }

    @Test("gives up on a server that falls silent in the middle of a pipeline larger than all buffers")
    func timesOutInPipeline() async throws {
        try await PrivateRedisServer.withServer { server in
            let connection = try await server.connect(timeouts: brief)
            server.pause()
            let commands = (0..<10_000).map { _ in RedisCommand("ECHO", .bytes([UInt8](repeating: 1, count: 1000))) }
            let error = try await failure { try await connection.pipeline(commands) }
            #expect(error.code == .timedOut)
            #expect(error.operation == "a pipeline of 10000 commands")
        }
    }

    @Test("gives up on connecting to a server whose socket answers but who does not")
    func timesOutWhileConnecting() async throws {
        try await PrivateRedisServer.withServer { server in
            server.pause()
            let error = try await failure { try await server.connect(timeouts: hasty) }
            #expect(error.code == .timedOut && error.isTransient)
        }
    }

    @Test("does not delay another connection while it waits")
    func waitsAlone() async throws {
        try await PrivateRedisServer.withServer { frozen in
            try await PrivateRedisServer.withServer { server in
                let waiting = try await frozen.connect(timeouts: RedisTimeouts(command: .seconds(600)))
                let busy = try await server.connect()
                frozen.pause()
                async let reply = waiting.send("PING")
                for _ in 0..<1000 {
                    #expect(try await busy.send("PING") == .status("PONG"))
                }
                frozen.resume()
                #expect(try await reply == .status("PONG"))
            }
        }
    }

    @Test("is lost with a killed server, also in mid-pipeline, and a new one finds the restarted server")
    func survivesKill() async throws {
        try await PrivateRedisServer.withServer { server in
            let connection = try await server.connect()
            let idle = try await server.connect()
            let watcher = try await server.connect()
            let commands = (0..<100_000).map { _ in RedisCommand("INCR", "n") }
            async let outcome = failure {
                while true { _ = try await connection.pipeline(commands) }
            }
            try await eventually { try await watcher.send("GET", "n").integerValue ?? 0 > 1000 }
            server.kill()
            let error = try await outcome
            #expect(error.code == .connectionLost && error.isTransient && error.endsConnection)
            #expect(await !connection.isUsable)
            #expect(try await failure { try await idle.send("PING") }.code == .connectionLost)
            #expect(try await failure { try await server.connect() }.code == .connectionFailed)
            try await server.start()
            #expect(try await server.connect().send("GET", "n").isNull)
        }
    }

    @Test("that the server closed while idle is found before anything is sent")
    func noticesHangUp() async throws {
        try await PrivateRedisServer.withServer { server in
            let connection = try await server.connect()
            let id = try await connection.send("CLIENT", "ID").integerValue ?? 0
            let other = try await server.connect()
            try await other.send("CLIENT", "KILL", "ID", .integer(id))
            let error = try await failure { try await connection.send("SET", "a", "1") }
            #expect(error.code == .connectionLost)
            #expect(error.message.contains("Server closed the connection"))
            #expect(try await other.send("EXISTS", "a") == .integer(0))
        }
    }

    @Test("reports what the server said before it hung up")
    func reportsLastWords() async throws {
        try await PrivateRedisServer.withServer(arguments: ["--proto-max-bulk-len", "1mb"]) { server in
            let connection = try await server.connect()
            let tooLong = RedisCommand("ECHO", .bytes([UInt8](repeating: 1, count: 20_000_000)))
            let error = try await failure { try await connection.pipeline([tooLong, tooLong]) }
            #expect(error.code == .connectionLost)
            #expect(error.message.contains("Protocol error"))
        }
    }

    @Test("that gets a reply nobody asked for is closed before a command can mistake it for its own")
    func refusesUnaskedReplies() async throws {
        try await PrivateRedisServer.withServer { server in
            let connection = try await server.connect()
            try await connection.send("SUBSCRIBE", "channel")
            let publisher = try await server.connect()
            try await publisher.send("PUBLISH", "channel", "news")
            // The news are written before the next command of anybody is read.
            try await publisher.send("PING")
            let error = try await failure { try await connection.send("PING") }
            #expect(error.code == .protocolViolation && error.endsConnection && !error.isTransient)
            #expect(await !connection.isUsable)
        }
    }

    @Test("is closed by a reply that the library cannot read")
    func refusesDeepNesting() async throws {
        try await PrivateRedisServer.withServer { server in
            let connection = try await server.connect()
            let error = try await failure { try await connection.send("EVAL", "return {{{{{{{{{{1}}}}}}}}}}", 0) }
            #expect(error.code == .protocolViolation)
            #expect(await !connection.isUsable)
        }
    }

    @Test("fails to come about where nobody listens", arguments: ["unix:///nowhere/redis.sock", "redis://127.0.0.1:1"])
    func failsToConnect(text: String) async throws {
        let url = try RedisURL(text)
        let error = try await failure { try await RedisConnection.connect(to: url) }
        #expect(error.code == .connectionFailed && error.isTransient)
        #expect(error.address == url.address)
        #expect(error.description.contains(url.address))
    }

    @Test("fails to come about within its time when the server's host does not answer")
    func timesOutOnConnect() async throws {
        // A full backlog: the kernel then drops further requests to connect, as a dead host does.
        let listener = try Listener(backlog: 0)
        let filling = try (0..<4).map { _ in try listener.beginConnecting() }
        let url = try RedisURL("redis://127.0.0.1:\(listener.port)")
        let started = ContinuousClock.now
        let error = try await failure { try await RedisConnection.connect(to: url, timeouts: hasty) }
        #expect(error.code == .connectionFailed)
        #expect(ContinuousClock.now - started < .seconds(20))
        withExtendedLifetime(filling) {}
    }

    @Test("says so when the server wants a password, or another one, and does not repeat it")
    func reportsAuthentication() async throws {
        try await PrivateRedisServer.withServer(arguments: ["--requirepass", "s3cret"]) { server in
            let path = server.url.address
            for login in ["", ":wr0ng@", "default:wr0ng@", "nobody:s3cret@"] {
                let url = try RedisURL("unix://\(login)\(path)?db=1")
                let error = try await failure { try await RedisConnection.connect(to: url) }
                #expect(error.code == .authenticationFailed && !error.isTransient)
                #expect(!error.description.contains("s3cret") && !error.description.contains("wr0ng"))
            }
            for login in [":s3cret@", "default:s3cr%65t@"] {
                let url = try RedisURL("unix://\(login)\(path)?db=1")
                #expect(try await RedisConnection.connect(to: url).send("PING") == .status("PONG"))
            }
        }
    }

    @Test("says so when a password is given and the server has none")
    func reportsNeedlessPassword() async throws {
        try await PrivateRedisServer.withServer { server in
            let url = try RedisURL("unix://:s3cret@\(server.url.address)")
            let error = try await failure { try await RedisConnection.connect(to: url) }
            #expect(error.code == .authenticationFailed)
            #expect(error.description.contains("without any password configured"))
        }
    }

    @Test("does without a name where the user may not give one")
    func toleratesForbiddenName() async throws {
        let user = ["--user", "reader", "on", ">pw", "~*", "+get", "+select"]
        try await PrivateRedisServer.withServer(arguments: user) { server in
            let url = try RedisURL("unix://reader:pw@\(server.url.address)?db=1")
            let connection = try await RedisConnection.connect(to: url)
            #expect(try await connection.send("GET", "a").isNull)
            #expect(try await failure { try await connection.send("SET", "a", "1") }.code == .reply("NOPERM"))
        }
    }

    @Test("says so when the database does not exist")
    func reportsWrongDatabase() async throws {
        try await PrivateRedisServer.withServer { server in
            let url = try RedisURL(server.urlText + "?db=16")
            let error = try await failure { try await RedisConnection.connect(to: url) }
            #expect(error.code == .databaseRefused && !error.isTransient)
            #expect(error.operation == "SELECT 16")
            #expect(error.description.contains("out of range"))
        }
    }

    @Test("fails to come about when the server has too many clients, saying so")
    func reportsFullServer() async throws {
        try await PrivateRedisServer.withServer { server in
            let first = try await server.connect()
            try await first.send("CONFIG", "SET", "maxclients", 1)
            let error = try await failure { try await server.connect() }
            #expect(error.isTransient)
            #expect(error.description.contains("max number of clients"))
        }
    }

    @Test("knows which refusals pass by themselves")
    func classifies() async throws {
        try await PrivateRedisServer.withServer { server in
            let connection = try await server.connect()
            try await connection.send("CONFIG", "SET", "maxmemory", 1)
            let full = try await failure { try await connection.send("SET", "a", "1") }
            #expect(full.code == .reply("OOM") && full.isTransient && !full.endsConnection)
            try await connection.send("CONFIG", "SET", "maxmemory", 0)
            try await connection.send("REPLICAOF", "127.0.0.1", 1)
            let readOnly = try await failure { try await connection.send("SET", "a", "1") }
            #expect(readOnly.code == .reply("READONLY") && readOnly.isTransient && readOnly.endsConnection)
        }
    }

    @Test("works over TCP as over a socket, and is lost as cleanly")
    func worksOverTCP() async throws {
        // The port is free when the listener has gone; another process would have to take it in the same instant.
        let port = try Listener(backlog: 1).port
        try await PrivateRedisServer.withServer(arguments: ["--port", "\(port)", "--bind", "127.0.0.1"]) { server in
            let url = try RedisURL("redis://127.0.0.1:\(port)/2")
            let connection = try await RedisConnection.connect(to: url)
            let commands = (0..<10_000).map { RedisCommand("ECHO", .integer($0)) }
            #expect(try await connection.pipeline(commands).map(\.integerValue) == (0..<10_000).map { $0 })
            server.kill()
            #expect(try await failure { try await connection.pipeline(commands) }.code == .connectionLost)
            #expect(try await failure { try await RedisConnection.connect(to: url) }.code == .connectionFailed)
        }
    }
}
