internal import Engine
internal import Logging
internal import Postgres
internal import Redis
internal import Refold
internal import Timing

/// The cache's pointers: they move after PostgreSQL's, and expire unless they are renewed. So a cache that cannot be
/// written stops being read.
actor PointerKeeper {
    /// How long a pointer lasts without being renewed by its owner.
    static let ttl = FollowedGeneration.lease
    /// How long the rows of a former live generation stay, for readers that asked for the pointer just before.
    private static let retiredTTL: Duration = .seconds(600)

    private let connections: CacheConnections
    private let server: CacheServer
    private let queue: CacheQueue
    private let troubles: CacheTroubles
    private let warnings: CacheWarnings
    private let restTTL: Duration
    private let time: TimeSource
    private let logger: Logger

    private var schedule: PointerSchedule
    private var moves = PointerMoves()

    init(
        _ cache: RedisCache,
        connections: CacheConnections,
        queue: CacheQueue,
        troubles: CacheTroubles,
        warnings: CacheWarnings
    ) {
        self.connections = connections
        server = cache.server
        self.queue = queue
        self.troubles = troubles
        self.warnings = warnings
        restTTL = cache.restTTL
        time = cache.time
        logger = cache.logger
        schedule = PointerSchedule(at: time.now)
    }

    // MARK: Comparing

    /// Whether the pointers are to be compared now; if so, this counts as done.
    ///
    /// - Parameter openedAt: when the server was reached last.
    func beginCheck(openedAt: ContinuousClock.Instant?) -> Bool {
        schedule.beginCheck(at: time.now, openedAt: openedAt)
    }

    /// The pointers are to be compared within this time.
    func checkSoon(within delay: Duration = .zero) { schedule.check(by: time.now + delay) }

    /// Compares what the cache says of a generation with what PostgreSQL says, and moves the cache's pointer after
    /// PostgreSQL's. Renews it if readers may be sent there.
    ///
    /// - Throws: ``LeaseLost`` when another process owns the generation.
    func compare(_ followed: FollowedGeneration, _ cache: GenerationCache) async throws {
        let (generation, fencingValue) = (followed.generation, followed.fencingValue)
        let projection = followed.hotSet.projection
        let mayBeRead = followed.mayBeRead(at: time.now)
        let renewing = mayBeRead ? cache.renewing(for: Self.ttl, through: followed.sent) : nil
        // Redis first: see `Scripts/flip.lua`.
        let cached = try await cache.pointer(renewing: renewing)
        await note(cached.renewal, of: followed)
        let pointer = try await LivePointer(of: projection, checkpointOf: generation, on: connections.openDatabase())
        switch moves.next(for: followed, cached, pointer, mayBeRead: mayBeRead) {
        case .none: break
        case .giveUp: throw LeaseLost()
        case .forget: queue.update(generation, fencingValue: fencingValue) { $0.forgetSent() }
        // What is missing is on its way.
        case .wait: checkSoon(within: .milliseconds(20))
        case .flip(let position):
            if try await flip(cache, from: cached, to: pointer, atLeast: position, for: Self.ttl) {
                moves.hasReached(projection)
                queue.update(generation, fencingValue: fencingValue) { $0.isPointerShort = true }
            }
        case .retire(let kept):
            // The process that moved the pointer may have ended before it came to this.
            try await cache.redis.retire(kept, of: cache.keys, within: Self.retiredTTL, warnings)
            moves.hasRetired(projection, at: pointer.revision)
        }
    }

    // MARK: Moving

    /// Points the cache at a generation that is no longer followed, as after a rebuild: the pointer lasts for long,
    /// unless an owner shortens its time and renews it.
    ///
    /// - Returns: whether the cache points at it now.
    func point(_ cache: GenerationCache, from cached: CachedPointer, to pointer: LivePointer) async throws -> Bool {
        if try await flip(cache, from: cached, to: pointer, atLeast: pointer.position, for: restTTL) {
            return true
        }
        if let live = cached.live, live != cache.generation {
            // A pointer to a generation that is no longer live is not renewed, but may last for long.
            let unpoint = cache.redis[.unpoint].call(
                keys: [cache.keys.live, cache.keys.revision],
                arguments: [.integer(live.rawValue), .text(cached.revision.map { "\($0)" } ?? "")]
            )
            _ = try await cache.redis.pipeline([unpoint])
        }
        return false
    }

    /// Moves the cache's pointer to a generation.
    ///
    /// - Parameters:
    ///   - position: what the generation has to have, if any of it is cached.
    ///   - ttl: how long the pointer lasts without being renewed.
    /// - Returns: false when another process moved the pointer or the generation lacks something; both heal within
    ///   seconds.
    private func flip(
        _ cache: GenerationCache,
        from cached: CachedPointer,
        to pointer: LivePointer,
        atLeast position: Int64,
        for ttl: Duration
    ) async throws -> Bool {
        let call = cache.redis[.flip].call(
            keys: [cache.keys.live, cache.keys.revision],
            arguments: [
                .text(cache.keys.base(cache.generation)), .integer(cache.fencingValue.rawValue),
                .integer(cache.generation.rawValue), .text(cached.revision.map { "\($0)" } ?? ""),
                .integer(pointer.revision),
                .integer(position), .integer(ttl.milliseconds),
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
        // A pointer that has expired does not say what was live before; PostgreSQL does.
        for former in Set([before, pointer.kept].compactMap(\.self)) where former != cache.generation {
            try await cache.redis.retire(former, of: cache.keys, within: Self.retiredTTL, warnings)
        }
        return true
    }

    // MARK: Renewing

    /// Renews the pointers while something takes long: the comparison, which otherwise does it, waits for its turn.
    func renewAll() async {
        let now = time.now
        guard queue.unpointing.isEmpty, let redis = await connections.redis, schedule.beginRenewal(at: now) else {
            return
        }
        let calls = queue.followed.filter { $0.mayBeRead(at: now) }.map {
            GenerationCache(of: $0, server, redis, warnings).renewing(for: Self.ttl, through: nil)
        }
        do {
            _ = try await redis.pipeline(calls)
        } catch {
            // The work in progress finds the loss, and reports it.
            logger.debug("the cache's pointers were not renewed", metadata: ["error": "\(error)"])
        }
    }

    /// Lets the pointer last without being renewed. Its owner does so while it is the owner: the next one shortens the
    /// time again before it commits anything that the cache does not have.
    func rest(_ followed: FollowedGeneration, _ cache: GenerationCache) async {
        guard let sent = followed.sent else { return }
        do {
            _ = try await cache.answers([cache.renewing(for: restTTL, through: sent)])
        } catch {
            logger.debug(
                "the cache's pointer expires soon",
                metadata: ["projection": "\(followed.hotSet.projection)", "error": "\(error)"]
            )
            if let error = error as? RedisError, error.endsConnection { await connections.lost(error) }
        }
    }

    /// Records the outcome of a renewal that was sent with the comparison of the pointers.
    private func note(_ renewal: RedisReply?, of followed: FollowedGeneration) async {
        let projection = followed.hotSet.projection
        guard let renewal else { return }
        do {
            _ = try CacheFailure.check(renewal, warnings)
        } catch .unfit {
            // It points elsewhere or has expired, or the comparison finds what is wrong.
        } catch .refused(let refusal) {
            // What is cached is still right: it is not rewritten, but readers are not sent to it any more.
            troubles.note("\(CacheFailure.refused(refusal))", of: projection)
            await findStale(followed)
            if refusal.code == "READONLY" { await connections.lost(refusal) }
            return
        } catch {
            // The comparison finds that, too.
            return
        }
        queue.update(followed.generation, fencingValue: followed.fencingValue) { $0.isPointerShort = true }
        if followed.need == .nothing { troubles.resolve(projection) }
    }

    // MARK: Pointers that cannot be trusted

    /// Finds out how long readers may be sent to what is not up to date, where the pointer's time could not be
    /// shortened.
    func findStale(_ followed: FollowedGeneration) async {
        guard !isShort(followed), let redis = await connections.redis else { return }
        do {
            let live = server.keys(followed.hotSet.projection).live
            let left = try await redis.send(RedisCommand("PTTL", [live])).integerValue ?? -2
            guard !isShort(followed) else { return }
            switch left {
            case -2: troubles.noteStale(followed, until: nil)
            case -1: troubles.noteStale(followed, until: .max)
            default: troubles.noteStale(followed, until: HotSet.now + left * 1000)
            }
        } catch {
            await connections.lost(error)
        }
    }

    private func isShort(_ followed: FollowedGeneration) -> Bool {
        queue.followed(followed.generation)?.isPointerShort ?? true
    }

    /// Removes the pointers to what the database server has lost. Nothing is written before that: a reader would take
    /// rows of two histories for one.
    func removeDistrusted(_ redis: CacheConnection) async throws {
        let losses = queue.losses
        for projection in queue.unpointing {
            try await redis.send(RedisCommand("UNLINK", [server.keys(projection).live]))
            queue.unpointed(projection, losses: losses)
        }
    }

    /// Removes the pointers of projections that have no hot set any more, whose live generations are folded without
    /// the cache; what was cached expires.
    func removeUncached(_ redis: CacheConnection) async throws {
        for (projection, generation) in queue.uncached {
            let keys = server.keys(projection)
            let replies = try await redis.pipeline([
                RedisCommand("GET", [keys.live]), RedisCommand("UNLINK", [keys.live]),
            ])
            if let refusal = replies[1].error { throw CacheFailure.refused(refusal) }
            for former in Set([replies[0].integerValue.map { GenerationNumber($0) }, generation].compactMap(\.self)) {
                try await redis.retire(former, of: keys, within: Self.retiredTTL, warnings)
            }
            queue.removedUncached(projection, generation)
        }
    }

    /// The connection, if it may be written to: once the pointers to what the database server has lost are gone.
    func writableRedis() async -> CacheConnection? {
        guard let redis = await connections.redisIfReachable() else { return nil }
        do {
            try await removeDistrusted(redis)
            try await removeUncached(redis)
            return redis
        } catch {
            for projection in queue.unpointing.union(queue.uncached.keys) {
                troubles.note("its pointer could not be removed: \(error)", of: projection)
            }
            for followed in queue.followed { await findStale(followed) }
            if let error = error as? RedisError, error.endsConnection { await connections.lost(error) }
            return nil
        }
    }
}
