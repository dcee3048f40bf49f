package import Engine
package import Logging
internal import Metrics
package import Postgres
internal import Redis
package import Refold
package import Timing

/// The hot rows of live read models in Redis: where they are, and which they are.
///
/// It holds no connection: each query opens one of its own, and needs nothing that a writer knows.
package struct RedisCache: Cache {
    let server: CacheServer
    let hotSets: [ProjectionName: HotSet]
    let limits: CacheLimits
    let logger: Logger
    /// How long the pointer of an owner that ended in good order lasts.
    let restTTL: Duration
    let time: TimeSource
    let metrics: [ProjectionName: CacheMetrics]

    /// What it measures goes to the backend that swift-metrics has at this moment.
    ///
    /// - Parameters:
    ///   - hotSets: what is cached; a projection that is not named is not cached.
    ///   - limits: how much may wait in a writer's memory.
    /// - Throws: `RedisError` for a URL that cannot be used, `EngineError.Code.setting` for a hot set that does not fit
    ///   its projection. No connection is made yet.
    package init(
        _ settings: CacheSettings,
        hotSets: [ProjectionName: HotSetSettings],
        of projections: [any Projection],
        limits: CacheLimits = CacheLimits(),
        time: TimeSource = .machine,
        logger: Logger
    ) throws {
        server = CacheServer(
            url: try RedisURL(settings.url),
            prefix: settings.prefix,
            timeouts: RedisTimeouts(connect: settings.timeout, command: settings.timeout),
            logger: logger
        )
        var found: [ProjectionName: HotSet] = [:]
        for projection in projections {
            if let settings = hotSets[projection.name] { found[projection.name] = try HotSet(settings, of: projection) }
        }
        self.hotSets = found
        metrics = Dictionary(
            uniqueKeysWithValues: found.keys.map { ($0, CacheMetrics(of: $0, factory: MetricsSystem.factory)) }
        )
        self.limits = limits
        self.time = time
        self.logger = logger
        // The server refuses times near the end of its range.
        restTTL = min(max(settings.restTTL, .seconds(1)), .seconds(10 * 365 * 86_400))
    }

    package func holds(_ projection: ProjectionName) -> Bool { hotSets[projection] != nil }

    package func makeWriter(
        connect: @escaping @Sendable () async throws -> PostgresConnection
    ) -> any CacheWriter {
        RedisCacheWriter(self, connect: connect)
    }

    package func row(_ projection: ProjectionName, key: String) async throws -> CachedRow? {
        try await rows(projection, keys: [key])[0]
    }

    package func status(of projection: ProjectionName, on connection: PostgresConnection) async -> CacheStatus {
        await status(of: projection, on: connection, known: nil)
    }

    /// - Parameter known: what a writer in this process knows.
    func status(
        of projection: ProjectionName,
        on connection: PostgresConnection,
        known: CacheTroubles?
    ) async -> CacheStatus {
        guard holds(projection) else { return CacheStatus(state: .off) }
        let inspection = CacheInspection(self, of: projection, known: known)
        return await inspection.status(on: connection)
    }

    @discardableResult
    package func clear(_ projection: ProjectionName) async throws -> Int {
        let pattern = server.keys(projection).pattern
        return try await server.reading { redis in
            var (cursor, count) = ("0", 0)
            repeat {
                let scan = RedisCommand("SCAN", [.text(cursor), "MATCH", pattern, "COUNT", 1000])
                guard let page = try await redis.send(scan).elements, page.count == 2, let next = page[0].text else {
                    break
                }
                let found = page[1].elements?.compactMap(\.bytes) ?? []
                if !found.isEmpty {
                    let unlink = RedisCommand("UNLINK", found.map { .bytes($0) })
                    count += Int(try await redis.send(unlink).integerValue ?? 0)
                }
                cursor = next
            } while cursor != "0"
            return count
        }
    }

    /// The owner's key is removed: a running owner notices within a second.
    package func requestWarming(
        _ projection: ProjectionName,
        on connection: PostgresConnection,
        within limit: Duration = .seconds(10)
    ) async throws -> Bool {
        guard let live = try await PointerStore(connection).pointer(of: projection).live else { return false }
        let keys = server.keys(projection)
        return try await server.reading { redis in
            let names = ["owner", "through"].map { keys.key(live, $0) }
            try await redis.send(RedisCommand("UNLINK", names))
            let deadline = time.now + limit
            while time.now < deadline {
                if try await redis.send(RedisCommand("EXISTS", names)).integerValue == 2 { return true }
                try await time.sleep(for: .milliseconds(20))
            }
            return false
        }
    }

    package func check() async throws -> CacheCheck {
        try await server.reading { redis in
            let info = try await redis.pipeline(
                ["server", "memory", "replication", "cluster"].map { RedisCommand("INFO", [.text($0)]) }
            )
            return CacheCheck(info: info.compactMap(\.text).joined(separator: "\r\n"))
        }
    }
}
