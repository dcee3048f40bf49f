internal import Redis

/// An open connection with the cache's server.
struct CacheConnection: Sendable {
    let redis: RedisConnection
    /// The largest row that the server takes, in bytes.
    let largestRow: Int
    /// By the number of their cases; none on a connection that calls no script.
    let scripts: [RedisScript]

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
