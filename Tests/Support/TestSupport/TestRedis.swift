public import Redis

/// A place of its own on the shared Redis server of the tests: a prefix that no other test uses.
public struct TestRedis: Sendable {
    /// The Redis server of ``TestServers``.
    public let url: RedisURL
    /// The URL as it was given, for programs that are started by a test.
    public let urlText: String
    /// What every key of this test begins with.
    public let prefix: String

    /// Lends a prefix, and removes every key under it afterwards, whether the body returned or threw.
    ///
    /// - Throws: `MissingServer` when there is none: such a test fails, it is not skipped.
    public static func withPrefix<R>(
        isolation: isolated (any Actor)? = #isolation,
        _ body: (TestRedis) async throws -> R
    ) async throws -> R {
        let text = try await TestServers.redisURL
        let random = String(UInt64.random(in: .min ... .max), radix: 36)
        let redis = TestRedis(url: try RedisURL(text), urlText: text, prefix: "refold-test:\(random):")
        let result: R
        do {
            result = try await body(redis)
        } catch {
            try? await redis.removeKeys()
            throw error
        }
        try await redis.removeKeys()
        return result
    }

    /// A key of this test.
    public func key(_ name: String) -> RedisArgument {
        .text(prefix + name)
    }

    /// A connection to the server.
    public func connect(timeouts: RedisTimeouts = RedisTimeouts()) async throws -> RedisConnection {
        try await RedisConnection.connect(to: url, timeouts: timeouts)
    }

    private func removeKeys() async throws {
        let connection = try await connect()
        var cursor = "0"
        repeat {
            let page = try await connection.send(
                "SCAN",
                .text(cursor),
                "MATCH",
                .text(prefix + "*"),
                "COUNT",
                1000
            )
            guard let parts = page.elements, parts.count == 2, let next = parts[0].text else { break }
            let keys = parts[1].elements ?? []
            if !keys.isEmpty {
                try await connection.send(RedisCommand("UNLINK", keys.compactMap { $0.bytes.map { .bytes($0) } }))
            }
            cursor = next
        } while cursor != "0"
        await connection.close()
    }
}
