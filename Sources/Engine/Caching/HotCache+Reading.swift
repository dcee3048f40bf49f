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
            guard let number = try await redis.send(RedisCommand("GET", [keys.live])).integerValue else { return nil }
            let live = GenerationNumber(number)
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
                return CacheStatus(state: .behind, error: "no generation of \(projection) is live yet")
            }
            let first = try await connection.livePointer(of: projection, checkpointOf: live)
            return try await reading { _, redis in
                // What was committed just before may be on its way still.
                let deadline = ContinuousClock.now + .milliseconds(200)
                var pointer = first
                while true {
                    let cached = try await self.cachedPointer(projection, live, redis)
                    if let through = cached.through, through > pointer.position {
                        pointer = try await connection.livePointer(of: projection, checkpointOf: live)
                    }
                    // More than was committed is of events that are gone.
                    let isCurrent =
                        cached.live == live && cached.through ?? -1 >= first.position
                        && cached.through ?? -1 <= pointer.position
                    if isCurrent || ContinuousClock.now >= deadline {
                        var status = CacheStatus(
                            state: isCurrent ? .current : .behind,
                            generation: cached.live,
                            through: cached.through.map { GlobalPosition($0) }
                        )
                        if !isCurrent { try await self.explain(&status, projection, live, cached, pointer, redis) }
                        return status
                    }
                    try await Task.sleep(for: .milliseconds(10))
                }
            }
        } catch {
            let isAway = error is RedisError
            var status = CacheStatus(state: .behind, error: isAway ? "the server is away: \(error)" : "\(error)")
            status.isUnreachable = isAway
            status.tell(staleUntil: queue.staleUntil(of: projection))
            return status
        }
    }

    /// Why the cache is behind: what its owner says, what the server says to a write that changes nothing, what is missing.
    private func explain(
        _ status: inout CacheStatus,
        _ projection: ProjectionName,
        _ live: GenerationNumber,
        _ cached: CachedPointer,
        _ pointer: LivePointer,
        _ redis: CacheConnection
    ) async throws {
        let keys = keys(projection)
        let replies = try await redis.pipeline([
            // Refused whenever any write is; without a key, and with nothing to write, it does nothing.
            RedisCommand("SETRANGE", [keys.key(live, "probe"), 0, ""]),
            RedisCommand("GET", [keys.key(live, "note")]),
        ])
        status.error =
            if let error = queue.error(of: projection) {
                error
            } else if let refusal = replies[0].error {
                "\(CacheFailure.refused(refusal))"
            } else if let note = replies[1].text {
                note
            } else if cached.owner == nil {
                "nobody has warmed generation \(live): a running daemon does, or refold cache warm \(projection)"
            } else if let through = cached.through {
                through > pointer.position
                    ? "it has positions \(pointer.position + 1)–\(through), which are gone; its next owner writes it anew"
                    : through < pointer.position
                        ? "its owner has yet to send what was committed behind \(through)"
                        : cached.live.map { "its pointer is still at generation \($0)" }
                            ?? "its pointer has expired: nobody follows it any more, or it was behind for too long"
            } else {
                "generation \(live) is being warmed"
            }
        let isLong = cached.lifetime == -1 || cached.lifetime > Self.pointerLease.milliseconds
        guard cached.live != nil, isLong else { return }
        status.tell(
            staleUntil: cached.lifetime == -1
                ? .infinity : Timestamp(microseconds: HotSet.now + cached.lifetime * 1000)
        )
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
    /// - Returns: false when nobody did it in time: nobody owns the generation, and the caller may acquire it and call
    ///   ``warm(_:generation:fencingValue:)`` and ``point(_:to:)``.
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
            try await redis.send(RedisCommand("UNLINK", names))
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
        _ body: (@Sendable (ProjectionName) -> CacheKeys, CacheConnection) async throws -> R
    ) async throws -> R {
        let connection = try await CacheConnection.openForReading(url, timeouts, logger)
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
    package let generation: GenerationNumber
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
    package var generation: GenerationNumber?
    /// All commits up to here are in the cache.
    package var through: GlobalPosition?
    /// Why it is behind.
    package var error: String?
    /// Readers may be sent to what is behind until then: the pointer lasts for longer than that of an owner who renews it.
    package private(set) var staleUntil: Timestamp?
    /// The server cannot be asked, whatever the projection.
    package var isUnreachable = false

    /// Says so in the cause, too.
    fileprivate mutating func tell(staleUntil until: Timestamp?) {
        guard let until else { return }
        staleUntil = until
        error = "cache stale until \(until): \(error ?? "")"
    }
}

extension PostgresConnection {
    fileprivate func livePointer(of projection: ProjectionName) throws -> GenerationNumber? {
        let result = try query("SELECT live FROM refold.projections WHERE name = $1", [.text(projection.rawValue)])
        return try result.rows.first?.optionalInt64("live").map { GenerationNumber($0) }
    }
}
