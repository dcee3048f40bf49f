internal import Logging
internal import Postgres
internal import Redis
package import Refold

/// A move of PostgreSQL's pointer that has yet to reach the cache.
struct PendingFlip: Sendable {
    let revision: Int64
    /// Where the generation stood when the move was seen, so at or past everything that readers saw before it.
    let position: Int64
}

/// The pointers in PostgreSQL and in the cache.
extension HotCache {
    /// How long a pointer lasts that its owner does not renew.
    static let pointerLease = FollowedGeneration.lease
    /// How long the rows of a generation that was left stay, for those who asked for the pointer just before.
    static let retiredLifetime: Duration = .seconds(600)
    /// How long what was warmed stays if nobody ever points at it.
    static let unpointedLifetime: Duration = .seconds(86_400)

    /// Compares what the cache says with what PostgreSQL says, for each generation that is followed, and renews the pointers
    /// to those that readers may be sent to.
    func compare(_ redis: CacheConnection) async {
        for followed in queue.followed where isConnected {
            await guarding(followed) { try await compare(followed, redis) }
        }
    }

    private func compare(_ followed: FollowedGeneration, _ redis: CacheConnection) async throws {
        let (generation, fencingValue) = (followed.generation, followed.fencingValue)
        let projection = followed.hotSet.projection
        let cache = cache(of: followed, redis)
        let mayBeRead = followed.mayBeRead(at: .now)
        let renewing = mayBeRead ? cache.renewing(for: Self.pointerLease, through: followed.sent) : nil
        // Redis first: see `Scripts/flip.lua`.
        let cached = try await cachedPointer(projection, generation, redis, renewing)
        await note(cached.renewal, of: followed)
        let pointer = try await openDatabase().livePointer(of: projection, checkpointOf: generation)
        guard pointer.fencingValue == fencingValue else { throw LeaseLost() }
        if let sent = followed.sent, cached.owner != fencingValue || cached.through != sent {
            // Flushed, restarted, restored or taken by another.
            queue.update(generation, fencingValue: fencingValue) { $0.forgetSent() }
            return
        }
        guard pointer.live == generation, let sent = followed.sent else { return }
        if cached.live == generation && cached.revision == pointer.revision {
            pendingFlips[projection] = nil
            return
        }
        let pending = pendingFlips[projection]
        let required = pending?.revision == pointer.revision ? pending!.position : pointer.position
        pendingFlips[projection] = PendingFlip(revision: pointer.revision, position: required)
        guard sent >= required else {
            // What is missing is on its way.
            nextCheck = .now + .milliseconds(20)
            return
        }
        guard mayBeRead else { return }
        if try await flip(cache, from: cached, to: pointer.revision, atLeast: required, for: Self.pointerLease, redis) {
            pendingFlips[projection] = nil
            queue.update(generation, fencingValue: fencingValue) { $0.isPointerShort = true }
        }
    }

    /// Points the cache at a generation.
    ///
    /// - Parameters:
    ///   - position: what the generation has to have, if any of it is cached.
    ///   - lifetime: how long the pointer lasts if nobody renews it.
    /// - Returns: false when somebody else moved the pointer or the generation lacks something; both heal within seconds.
    private func flip(
        _ cache: GenerationCache,
        from cached: CachedPointer,
        to revision: Int64,
        atLeast position: Int64,
        for lifetime: Duration,
        _ redis: CacheConnection
    ) async throws -> Bool {
        let call = redis[.flip].call(
            keys: [cache.keys.live, cache.keys.revision],
            arguments: [
                .text(cache.keys.base(cache.generation)), .integer(cache.fencingValue.rawValue),
                .integer(cache.generation.rawValue),
                .text(cached.revision.map { "\($0)" } ?? ""), .integer(revision), .integer(position),
                .integer(lifetime.milliseconds),
            ]
        )
        let answer: [RedisReply]
        do {
            answer = try await cache.answers([call])[0]
        } catch CacheFailure.unfit, CacheFailure.fenced {
            return false
        }
        try await cache.keep(for: nil)
        logger.info(
            "the cache's pointer moved",
            metadata: ["projection": "\(cache.keys.projection)", "generation": "\(cache.generation)"]
        )
        let before = answer.dropFirst().first?.integerValue.map { GenerationNumber($0) }
        if let before, before != cache.generation {
            try await cache.retire(before, within: Self.retiredLifetime)
        }
        return true
    }

    /// What the cache says, with one question to the server.
    ///
    /// - Parameter renewing: a call of a script that is sent along.
    func cachedPointer(
        _ projection: ProjectionName,
        _ generation: GenerationNumber,
        _ redis: CacheConnection,
        _ renewing: RedisCommand? = nil
    ) async throws -> CachedPointer {
        let keys = keys(projection)
        let names = [keys.live, keys.revision, keys.key(generation, "owner"), keys.key(generation, "through")]
        var commands = names.map { RedisCommand("GET", [$0]) }
        commands.append(RedisCommand("PTTL", [keys.live]))
        if let renewing { commands.append(renewing) }
        let replies = try await redis.pipeline(commands)
        for (reply, name) in zip(replies, names) {
            guard let refusal = reply.error else { continue }
            guard refusal.code == "WRONGTYPE" else { throw CacheFailure.refused(refusal) }
            // Not ours, and in the way: without it the key counts as missing.
            try await redis.send(RedisCommand("UNLINK", [name]))
            warnings.removed([name.bytes])
        }
        return CachedPointer(
            live: replies[0].integerValue.map { GenerationNumber($0) },
            revision: replies[1].integerValue,
            owner: replies[2].integerValue.map { FencingValue($0) },
            through: replies[3].integerValue,
            lifetime: replies[4].integerValue ?? -2,
            renewal: renewing == nil ? nil : replies[5]
        )
    }

    // MARK: For a rebuild

    /// Sends the hot rows of a generation that is being written out, while the database still stores them: nobody looks for
    /// them before the pointer moves, and they do not count before ``warm(_:generation:fencingValue:)`` has said so.
    ///
    /// - Parameters:
    ///   - fencingValue: the caller's fencing value.
    ///   - tables: all rows of each table of the model, in the model's order.
    ///   - position: where the generation stands with these rows.
    /// - Throws: `RedisError`, `PostgresError`; warming reads the rows from the database then.
    package func preload(
        _ projection: ProjectionName,
        generation: GenerationNumber,
        fencingValue: FencingValue,
        from tables: [BorrowedRows],
        at position: GlobalPosition
    ) async throws {
        guard let hotSet = hotSets[projection] else { return }
        queue.follow(hotSet, generation: generation, fencingValue: fencingValue)
        try await directly(generation) { hotCache, followed, redis in
            let (start, losses) = (ContinuousClock.now, hotCache.queue.losses)
            let cache = hotCache.cache(of: followed, redis)
            try await hotCache.beginWarming(followed, cache, hotCache.openDatabase())
            let encoder = followed.encoder
            guard let chosen = HotSetSelection(hotSet, from: tables[hotSet.table].records, encoder: encoder) else {
                return
            }
            // The server takes one piece while the next is encoded.
            try await withThrowingTaskGroup(of: Void.self) { sending in
                var rest = chosen.hot[...]
                while !rest.isEmpty {
                    let rows = encoder.encodePiece(
                        of: &rest,
                        rows: HotSetReader.piece,
                        bytes: HotSetReader.bytesPerPiece
                    )
                    try await sending.waitForAll()
                    sending.addTask { try await cache.warm(rows) }
                }
                try await sending.waitForAll()
            }
            try await cache.replaceRanking(Array("top".utf8), by: encoder.encodeRanked(chosen.top))
            let groups = RankingWriter(cache)
            try await groups.take(encoder.encodeRanked(chosen.groups))
            try await groups.finish()
            try await cache.keep(for: Self.unpointedLifetime)
            hotCache.preloaded[generation] = Preloaded(
                fencingValue: fencingValue,
                position: position.rawValue,
                rows: WarmedRows(count: chosen.hot.count, isCrowded: chosen.isCrowded),
                start: start,
                losses: losses
            )
        }
    }

    /// Warms a generation that is to be pointed at, and follows it from here on: windows that commit between this and
    /// ``point(_:to:)`` are queued if they are encoded, and read from the database if not. What was sent by
    /// ``preload(_:generation:fencingValue:from:at:)`` and is committed now is not sent again.
    ///
    /// - Parameter fencingValue: the caller's fencing value.
    /// - Returns: nil for a projection that is not cached.
    /// - Throws: `RedisError`, `PostgresError`; the generation is then not in the cache, which is no reason not to point.
    @discardableResult
    package func warm(
        _ projection: ProjectionName,
        generation: GenerationNumber,
        fencingValue: FencingValue
    ) async throws -> WarmResult? {
        guard let hotSet = hotSets[projection] else { return nil }
        if let preloaded = preloaded.removeValue(forKey: generation), preloaded.fencingValue == fencingValue,
            preloaded.losses == queue.losses, let result = try await confirm(preloaded, generation)
        {
            return result
        }
        queue.follow(hotSet, generation: generation, fencingValue: fencingValue)
        return try await directly(generation) { cache, followed, redis in
            try await cache.warm(followed, redis, for: Self.unpointedLifetime)
        }
    }

    /// Says that what was sent beforehand is committed.
    ///
    /// - Returns: nil when that is not so, or it has gone from the cache meanwhile.
    private func confirm(_ preloaded: Preloaded, _ generation: GenerationNumber) async throws -> WarmResult? {
        try await directly(generation) { cache, followed, redis in
            let lease = try await cache.openDatabase().lease(of: generation)
            guard lease.fencingValue == preloaded.fencingValue, lease.position == preloaded.position else { return nil }
            do {
                return try await cache.finishWarming(
                    followed,
                    cache.cache(of: followed, redis),
                    preloaded.rows,
                    through: preloaded.position,
                    for: Self.unpointedLifetime,
                    since: preloaded.start
                )
            } catch CacheFailure.unowned {
                return nil
            }
        } ?? nil
    }

    /// Points the cache at a generation that PostgreSQL's pointer has just moved to, and follows it no more: pointing has
    /// ended the caller's lease. The pointer lasts for ``CacheSettings/restLifetime`` unless an owner comes, who makes the
    /// time short and renews it.
    ///
    /// - Returns: whether the cache points at it now. If not, its next owner sees to it.
    /// - Throws: `RedisError`, `PostgresError`; the next owner sees to it then, too.
    @discardableResult
    package func point(_ projection: ProjectionName, to generation: GenerationNumber) async throws -> Bool {
        guard let hotSet = hotSets[projection] else { return true }
        if queue.followed(generation) == nil { queue.follow(hotSet, generation: generation, fencingValue: 0) }
        defer { queue.leave(generation) }
        return try await directly(generation) { cache, followed, redis in
            try await cache.point(followed, redis)
        } ?? false
    }

    private func point(_ followed: FollowedGeneration, _ redis: CacheConnection) async throws -> Bool {
        let (generation, projection) = (followed.generation, followed.hotSet.projection)
        let cached = try await cachedPointer(projection, generation, redis)
        let pointer = try await openDatabase().livePointer(of: projection, checkpointOf: generation)
        guard pointer.live == generation else { return false }
        let cache = cache(of: followed, redis)
        if cached.owner == followed.fencingValue {
            // Still ours, although the lease is not: the next owner takes the key before it writes.
            if cached.through == followed.sent { try await send(followed, redis) }
            if queue.followed(generation)?.sent ?? -1 < pointer.position {
                _ = try await warm(followed, redis, isConfirmed: true)
            }
        } else if cached.owner == nil, cached.through ?? pointer.position != pointer.position {
            // Left over from when it was live before, and nobody's: nothing is better than what is old.
            try await cache.drop()
        }
        if try await flip(
            cache,
            from: cached,
            to: pointer.revision,
            atLeast: pointer.position,
            for: restLifetime,
            redis
        ) {
            return true
        }
        if let live = cached.live, live != generation {
            // Nobody renews a pointer to what is not live any more, but it may last for long.
            let unpoint = redis[.unpoint].call(
                keys: [cache.keys.live, cache.keys.revision],
                arguments: [.integer(live.rawValue), .text(cached.revision.map { "\($0)" } ?? "")]
            )
            _ = try await redis.pipeline([unpoint])
        }
        return false
    }

    /// Runs a body on an open connection, when it is its turn, and takes note of what goes wrong.
    private func directly<R: Sendable>(
        _ generation: GenerationNumber,
        _ body: @Sendable (isolated HotCache, FollowedGeneration, CacheConnection) async throws -> R
    ) async throws -> R? {
        try await exclusively { cache in
            guard let followed = cache.queue.followed(generation) else { return nil }
            do {
                let redis = try await cache.openRedis()
                try await cache.removePointers(redis)
                do {
                    return try await body(cache, followed, redis)
                } catch CacheFailure.odd {
                    // Keys of another type were in the way; they are gone.
                    return try await body(cache, followed, redis)
                }
            } catch {
                cache.queue.note("\(error)", of: followed.hotSet.projection)
                if let error = error as? RedisError, error.endsConnection { cache.noteLoss(error) }
                throw error
            }
        }
    }
}

/// Hot rows that are in the cache before the database has committed them.
struct Preloaded: Sendable {
    let fencingValue: FencingValue
    /// Where the generation stands with them.
    let position: Int64
    let rows: WarmedRows
    let start: ContinuousClock.Instant
    /// How often the server had lost something by then.
    let losses: Int
}

/// What the cache says about a projection and one of its generations.
struct CachedPointer: Sendable {
    let live: GenerationNumber?
    let revision: Int64?
    let owner: FencingValue?
    let through: Int64?
    /// For how many milliseconds `live` is there; -1 without an end, -2 when it is not.
    let lifetime: Int64
    /// The answer to the call that renews it.
    let renewal: RedisReply?
}

/// What PostgreSQL says about them.
struct LivePointer: Sendable {
    let live: GenerationNumber?
    let revision: Int64
    /// The generation's checkpoint, and its owner's fencing value.
    let position: Int64
    let fencingValue: FencingValue
}

extension PostgresConnection {
    func livePointer(of projection: ProjectionName, checkpointOf generation: GenerationNumber) throws -> LivePointer {
        let row = try query(
            """
            SELECT p.live, p.revision, c.position, c.fencing_value FROM refold.projections p, refold.checkpoints c
             WHERE p.name = $1 AND c.generation = $2
            """,
            [.text(projection.rawValue), .int64(generation.rawValue)]
        ).rows.first
        guard let row else { throw LeaseLost() }
        return LivePointer(
            live: try row.optionalInt64("live").map { GenerationNumber($0) },
            revision: try row.int64("revision"),
            position: try row.int64("position"),
            fencingValue: FencingValue(try row.int64("fencing_value"))
        )
    }
}
