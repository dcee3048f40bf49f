internal import Logging
internal import Redis

/// An open connection with the cache's server.
struct CacheConnection: Sendable {
    let redis: RedisConnection
    /// The largest row that the server takes, in bytes.
    let largestRow: Int
    /// By the number of their cases.
    private let scripts: [RedisScript]

    /// Connects, and loads the scripts.
    static func open(_ url: RedisURL, _ timeouts: RedisTimeouts, _ logger: Logger) async throws -> CacheConnection {
        let redis = try await RedisConnection.connect(
            to: url,
            timeouts: timeouts,
            clientName: "refold",
            logger: logger
        )
        do {
            return try await CacheConnection(
                redis: redis,
                largestRow: min(HotRows.largestObject, redis.largestValue()),
                scripts: redis.load(CacheScript.allCases.map(\.source))
            )
        } catch {
            await redis.close()
            throw error
        }
    }

    /// Connects, for one who only reads and calls no script.
    static func openForReading(
        _ url: RedisURL,
        _ timeouts: RedisTimeouts,
        _ logger: Logger
    ) async throws -> CacheConnection {
        let redis = try await RedisConnection.connect(
            to: url,
            timeouts: timeouts,
            clientName: "refold",
            logger: logger
        )
        return CacheConnection(redis: redis, largestRow: HotRows.largestObject, scripts: [])
    }

    private init(redis: RedisConnection, largestRow: Int, scripts: [RedisScript]) {
        self.redis = redis
        self.largestRow = largestRow
        self.scripts = scripts
    }

    /// The script as the server knows it.
    subscript(_ script: CacheScript) -> RedisScript { scripts[script.rawValue] }

    /// Sends one command.
    @discardableResult
    func send(_ command: RedisCommand) async throws -> RedisReply { try await redis.send(command) }

    /// Sends commands and calls of scripts; a server that has lost the scripts meanwhile is given them again.
    func pipeline(_ commands: [RedisCommand]) async throws -> [RedisReply] {
        try await redis.pipeline(commands, loading: scripts)
    }

    func close() async { await redis.close() }
}

extension RedisConnection {
    /// The largest value that the server takes, 512 MiB unless it was told otherwise; a server that does not say is taken
    /// for one that was not.
    fileprivate func largestValue() throws(RedisError) -> Int {
        let said = try pipeline([RedisCommand("CONFIG", "GET", "proto-max-bulk-len")])[0].elements
        return said.flatMap { $0.count == 2 ? $0[1].integerValue : nil }.map { Int($0) } ?? 512 << 20
    }
}
