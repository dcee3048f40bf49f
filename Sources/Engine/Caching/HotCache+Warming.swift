internal import Logging
internal import Postgres
internal import Redis
package import Refold

/// Making a generation's cache right again from the database.
extension HotCache {
    /// Reads from one snapshot of the database. However much there is to read, it ends; and no time limit of the role's
    /// ends it before.
    func snapshot<R: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) async throws -> R
    ) async throws -> R {
        try await openDatabase().transaction(.readOnlySnapshot) { connection in
            try connection.execute("SET LOCAL statement_timeout = '300s'")
            return try await body(connection)
        }
    }

    /// Reads what changed behind a position and sends it.
    func refresh(_ followed: FollowedGeneration, after position: Int64, _ redis: CacheConnection) async throws {
        let (generation, fencingValue) = (followed.generation, followed.fencingValue)
        let cache = cache(of: followed, redis)
        let reader = HotSetReader(followed.hotSet, generation: generation)
        queue.update(generation, fencingValue: fencingValue) { $0.beginHealing(anew: false) }
        let names = NameSet()
        do {
            let reached = try await snapshot { connection in
                let lease = try connection.lease(of: generation)
                guard lease.fencingValue == fencingValue else { throw LeaseLost() }
                _ = try await reader.readChanges(after: position, on: connection) { rows in
                    await names.insert(try await cache.write([rows], through: nil))
                }
                return lease.position
            }
            let incomplete = await names.names.union(try await cache.write([], through: reached))
            if !incomplete.isEmpty { try await refill(incomplete, cache) }
            queue.update(generation, fencingValue: fencingValue) { $0.reached(reached) }
        } catch {
            queue.update(generation, fencingValue: fencingValue) { $0.lost([]) }
            throw error
        }
        logger.debug(
            "the cache was refreshed",
            metadata: ["projection": "\(followed.hotSet.projection)", "generation": "\(generation)"]
        )
    }

    /// Writes a generation's hot set anew, from one snapshot.
    ///
    /// - Parameters:
    ///   - lifetime: how long it lasts if nobody points at it; nil for ever.
    ///   - isConfirmed: the owner's key is the caller's, although its lease has ended: nobody has taken it yet.
    func warm(
        _ followed: FollowedGeneration,
        _ redis: CacheConnection,
        for lifetime: Duration? = nil,
        isConfirmed: Bool = false
    ) async throws -> WarmResult {
        let start = ContinuousClock.now
        let (generation, fencingValue) = (followed.generation, followed.fencingValue)
        let cache = cache(of: followed, redis)
        let reader = HotSetReader(followed.hotSet, generation: generation)
        try await beginWarming(followed, cache, openDatabase(), isConfirmed: isConfirmed)
        let (warmed, reached) = try await snapshot { connection in
            let lease = try connection.lease(of: generation)
            guard isConfirmed || lease.fencingValue == fencingValue else { throw LeaseLost() }
            var warmed = WarmedRows()
            warmed.count = try await reader.readHotRows(on: connection) { try await cache.warm($0) }
            let top = try followed.hotSet.ranking.map { try reader.readTop($0, on: connection) } ?? .none
            try await cache.replaceRanking(Array("top".utf8), by: top)
            let groups = RankingWriter(cache)
            if let ranking = followed.hotSet.ranking {
                warmed.isCrowded = try await reader.readGroups(ranking, on: connection) { try await groups.take($0) }
            }
            try await groups.finish()
            return (warmed, lease.position)
        }
        return try await finishWarming(followed, cache, warmed, through: reached, for: lifetime, since: start)
    }

    /// Takes the generation out of the cache before anything is written to it, its pointer first.
    func dropFirst(_ followed: FollowedGeneration, _ redis: CacheConnection) async throws {
        let losses = queue.losses
        guard try await openDatabase().lease(of: followed.generation).fencingValue == followed.fencingValue else {
            throw LeaseLost()
        }
        try await redis.send(RedisCommand("UNLINK", [keys(followed.hotSet.projection).live]))
        try await cache(of: followed, redis).drop()
        queue.trust(followed.generation, losses: losses)
        logger.warning(
            "the database server has lost what it had or was replaced: the generation was taken out of the cache",
            metadata: ["projection": "\(followed.hotSet.projection)", "generation": "\(followed.generation)"]
        )
    }

    /// Takes the owner's key: first it is read, then the lease, then it is written by compare-and-set. Whoever took both in
    /// between wins, and a process that lost its lease while it was stopped cannot take the key.
    ///
    /// A cache that is ahead of the checkpoint has rows of events that are gone. Their positions are drawn again, so they
    /// would never be replaced: all of it goes, the pointer first.
    func beginWarming(
        _ followed: FollowedGeneration,
        _ cache: GenerationCache,
        _ database: PostgresConnection,
        isConfirmed: Bool = false
    ) async throws {
        let (generation, fencingValue) = (followed.generation, followed.fencingValue)
        let projection = followed.hotSet.projection
        if isConfirmed {
            queue.update(generation, fencingValue: fencingValue) { $0.beginHealing(anew: true) }
            return try await cache.adopt(from: fencingValue)
        }
        let cached = try await cachedPointer(projection, generation, cache.redis)
        let lease = try await database.lease(of: generation)
        guard lease.fencingValue == fencingValue else { throw LeaseLost() }
        var found = cached.owner
        if let through = cached.through, through > lease.position {
            logger.warning(
                "positions that were folded before are gone: the generation is taken out of the cache",
                metadata: [
                    "projection": "\(projection)", "generation": "\(generation)",
                    "positions": "\(lease.position + 1)–\(through)", "checkpoint": "\(lease.position)",
                ]
            )
            if cached.live == generation {
                try await cache.redis.send(RedisCommand("UNLINK", [keys(projection).live]))
            }
            try await cache.drop()
            found = nil
        }
        queue.update(generation, fencingValue: fencingValue) { $0.beginHealing(anew: true) }
        try await cache.adopt(from: found)
        queue.update(generation, fencingValue: fencingValue) { $0.isPointerShort = true }
    }

    /// Says that everything up to a position is in the cache.
    func finishWarming(
        _ followed: FollowedGeneration,
        _ cache: GenerationCache,
        _ warmed: WarmedRows,
        through reached: Int64,
        for lifetime: Duration?,
        since start: ContinuousClock.Instant
    ) async throws -> WarmResult {
        let generation = followed.generation
        try await cache.finish(through: reached, isCrowded: warmed.isCrowded)
        try await cache.keep(for: lifetime)
        warmedAt[generation] = .now
        queue.update(generation, fencingValue: followed.fencingValue) { $0.reached(reached) }
        let duration = ContinuousClock.now - start
        logger.info(
            "the cache was warmed",
            metadata: [
                "projection": "\(followed.hotSet.projection)", "generation": "\(generation)", "rows": "\(warmed.count)",
                "duration": "\(duration)",
            ]
        )
        return WarmResult(rows: warmed.count, through: GlobalPosition(reached), duration: duration)
    }
}

/// What a warming did.
package struct WarmResult: Sendable {
    /// Rows of the hot set.
    package let rows: Int
    /// The position of the snapshot they were read from.
    package let through: GlobalPosition
    package let duration: Duration
}

/// What was written of a hot set.
struct WarmedRows: Sendable {
    var count = 0
    /// There are more groups than have a set.
    var isCrowded = false
}

/// Names that pieces of work add to, one after the other.
private actor NameSet {
    private(set) var names: Set<[UInt8]> = []

    func insert(_ more: Set<[UInt8]>) { names.formUnion(more) }
}
