package import Postgres
internal import Redis
package import Refold

/// What others ask of the cache: a row, its state, to be cleared or warmed.
extension HotCache {
    /// A row as a reader of the cache gets it: first the live generation, then the row.
    ///
    /// - Parameter key: the row's key as it stands in the name of its cache key.
    /// - Returns: nil when it is not cached, which says nothing about the read model.
    /// - Throws: `RedisError`.
    package func row(_ projection: ProjectionName, key: String) async throws -> CachedRow? {
        try await reading { keys, redis in
            let keys = keys(projection)
            guard let live = try await redis.send(RedisCommand("GET", [keys.live])).integerValue else { return nil }
            let row = try await redis.send(RedisCommand("GET", [keys.row(live, key)]))
            return row.bytes.map { CachedRow(generation: live, json: $0) }
        }
    }

    /// Where a projection's cache stands, as any process can find out from the two servers.
    ///
    /// - Parameter connection: a session with the database.
    package func status(of projection: ProjectionName, on connection: PostgresConnection) async -> CacheStatus {
        guard hotSets[projection] != nil else { return CacheStatus(state: .off) }
        do {
            guard let live = try await connection.livePointer(of: projection) else {
                return CacheStatus(state: .behind)
            }
            let pointer = try await connection.livePointer(of: projection, checkpointOf: live)
            return try await reading { keys, redis in
                // What was committed just before may be on its way still.
                let deadline = ContinuousClock.now + .milliseconds(200)
                while true {
                    let cached = try await self.cachedPointer(projection, live, redis)
                    let isCurrent = cached.live == live && cached.through ?? -1 >= pointer.position
                    if isCurrent || ContinuousClock.now >= deadline {
                        return CacheStatus(
                            state: isCurrent ? .current : .behind,
                            generation: cached.live,
                            through: cached.through.map { GlobalPosition($0) },
                            error: self.queue.error(of: projection)
                        )
                    }
                    try await Task.sleep(for: .milliseconds(10))
                }
            }
        } catch {
            return CacheStatus(state: .behind, error: "\(error)")
        }
    }

    /// Takes everything of a projection out of the cache. An owner that runs warms it again within a second or two.
    ///
    /// - Returns: how many keys there were.
    /// - Throws: `RedisError`.
    @discardableResult
    package func clear(_ projection: ProjectionName) async throws -> Int {
        try await reading { keys, redis in
            var (cursor, count) = ("0", 0)
            repeat {
                let scan = RedisCommand(
                    "SCAN",
                    [.text(cursor), "MATCH", keys(projection).pattern, "COUNT", 1000]
                )
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

    /// Asks the owner of a projection's live generation, in whatever process, to warm it again, by taking its key away;
    /// waits until that is done.
    ///
    /// - Returns: false when nobody did it in time: nobody owns the generation, and the caller may claim it and call
    ///   ``warm(_:generation:epoch:)`` and ``point(_:to:)``.
    /// - Throws: `RedisError`, `PostgresError`.
    package func requestWarming(
        _ projection: ProjectionName,
        on connection: PostgresConnection,
        within limit: Duration = .seconds(10)
    ) async throws -> Bool {
        guard let live = try await connection.livePointer(of: projection) else { return false }
        return try await reading { keys, redis in
            let keys = keys(projection)
            let names = ["owner", "through"].map { keys.key(live, $0) }
            try await redis.send(RedisCommand("DEL", names))
            let deadline = ContinuousClock.now + limit
            while ContinuousClock.now < deadline {
                if try await redis.send(RedisCommand("EXISTS", names)).integerValue == 2 { return true }
                try await Task.sleep(for: .milliseconds(20))
            }
            return false
        }
    }

    /// Looks whether the server can be what the cache needs.
    ///
    /// - Throws: `RedisError` when it cannot be asked.
    package func check() async throws -> CacheCheck {
        try await reading { _, redis in
            let info = try await redis.pipeline(
                ["server", "memory", "replication", "cluster"].map { RedisCommand("INFO", [.text($0)]) }
            )
            return CacheCheck(info: info.compactMap(\.text).joined(separator: "\r\n"))
        }
    }

    /// Lends a connection of its own to a body that only reads, or whose writes need no order: `run()` goes on meanwhile.
    private func reading<R: Sendable>(
        _ body: (@Sendable (ProjectionName) -> CacheKeys, RedisConnection) async throws -> R
    ) async throws -> R {
        let connection = try await RedisConnection.connect(to: url, timeouts: timeouts, clientName: "refold")
        do {
            let result = try await body(keys, connection)
            await connection.close()
            return result
        } catch {
            await connection.close()
            throw error
        }
    }
}

/// A row in the cache.
package struct CachedRow: Sendable {
    /// The generation that is live there.
    package let generation: Int64
    /// The JSON object.
    package let json: [UInt8]
}

/// Where a projection's cache stands.
package struct CacheStatus: Sendable {
    package enum State: String, Sendable {
        /// Everything that is committed is there, and the pointers agree.
        case current
        /// Something is missing or cannot be reached; it is healed by the generation's owner.
        case behind
        /// Nothing of the projection is cached.
        case off
    }

    package var state: State
    /// The generation that is live in the cache.
    package var generation: Int64?
    /// All commits up to here are in the cache.
    package var through: GlobalPosition?
    /// What went wrong last.
    package var error: String?
}

extension PostgresConnection {
    fileprivate func livePointer(of projection: ProjectionName) throws -> Int64? {
        let result = try query("SELECT live FROM refold.projections WHERE name = $1", [.text(projection.rawValue)])
        return try result.rows.first?.optionalInt64("live")
    }
}
