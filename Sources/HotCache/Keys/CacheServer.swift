internal import Engine
internal import Logging
internal import Redis
internal import Refold

/// Where the cache is: the server, and what our keys begin with.
struct CacheServer: Sendable {
    let url: RedisURL
    let prefix: String
    let timeouts: RedisTimeouts
    let logger: Logger

    func keys(_ projection: ProjectionName) -> CacheKeys { CacheKeys(prefix: prefix, projection: projection) }

    /// A connection that has the cache's scripts.
    func connect() async throws -> CacheConnection {
        try await open().closedOnFailure { redis in
            try await CacheConnection(
                redis: redis,
                largestRow: min(HotRows.largestObject, redis.largestValue()),
                scripts: redis.load(CacheScript.allCases.map(\.source))
            )
        }
    }

    /// Lends a connection without scripts to a body that only reads, or whose writes need no order.
    func reading<R: Sendable>(_ body: (CacheConnection) async throws -> R) async throws -> R {
        try await RedisConnection.with(open()) { redis in
            try await body(CacheConnection(redis: redis, largestRow: HotRows.largestObject, scripts: []))
        }
    }

    private func open() async throws(RedisError) -> RedisConnection {
        try await RedisConnection.connect(to: url, timeouts: timeouts, clientName: "refold", logger: logger)
    }
}

extension RedisConnection {
    /// The largest value that the server takes, 512 MiB by default, which is also assumed of a server that does not
    /// say.
    fileprivate func largestValue() throws(RedisError) -> Int {
        let said = try pipeline([RedisCommand("CONFIG", "GET", "proto-max-bulk-len")])[0].elements
        return said.flatMap { $0.count == 2 ? $0[1].integerValue : nil }.map { Int($0) } ?? 512 << 20
    }
}
