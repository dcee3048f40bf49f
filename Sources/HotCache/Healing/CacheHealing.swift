internal import Engine
internal import Logging
internal import Postgres
internal import Redis
internal import Refold
internal import Timing

/// Does for each generation that is followed what it needs, at its pace, and decides what a failure means for it.
actor CacheHealing {
    private let connections: CacheConnections
    private let pointers: PointerKeeper
    private let server: CacheServer
    private let queue: CacheQueue
    private let troubles: CacheTroubles
    private let warnings: CacheWarnings
    private let time: TimeSource
    private let logger: Logger
    private let metrics: [ProjectionName: CacheMetrics]

    private var paces: [GenerationNumber: HealingPace] = [:]

    init(
        _ cache: RedisCache,
        connections: CacheConnections,
        pointers: PointerKeeper,
        queue: CacheQueue,
        troubles: CacheTroubles,
        warnings: CacheWarnings
    ) {
        self.connections = connections
        self.pointers = pointers
        server = cache.server
        self.queue = queue
        self.troubles = troubles
        self.warnings = warnings
        time = cache.time
        logger = cache.logger
        metrics = cache.metrics
    }

    /// Repairs a generation's cache over a connection.
    nonisolated func healer(of followed: FollowedGeneration, _ redis: CacheConnection) -> GenerationHealer {
        GenerationHealer(
            followed: followed,
            cache: GenerationCache(of: followed, server, redis, warnings),
            connections: connections,
            queue: queue,
            time: time,
            logger: logger
        )
    }

    /// Compares and renews the pointer of each generation that is followed.
    func comparePointers(_ redis: CacheConnection) async {
        for followed in queue.followed {
            guard await connections.redis != nil else { return }
            await guarding(followed) {
                try await pointers.compare(followed, GenerationCache(of: followed, server, redis, warnings))
            }
        }
    }

    /// Does what a generation needs, unless it has to rest.
    ///
    /// - Parameter atOnce: it does not rest any more.
    func advance(_ followed: FollowedGeneration, _ redis: CacheConnection, atOnce: Bool = false) async {
        let generation = followed.generation
        if atOnce { paces[generation] = nil }
        let need = followed.need
        if need == .nothing { return }
        if need != .send, let pace = paces[generation], pace.notBefore > time.now { return }
        let start = time.now
        let metrics = metrics[followed.hotSet.projection]
        await guarding(followed) {
            let healer = healer(of: followed, redis)
            switch need {
            case .nothing: return
            case .send:
                metrics?.sent(windows: try await healer.send())
                return
            case .refresh(let position): try await healer.refresh(after: position)
            case .warm: _ = try await healer.warm()
            case .replace: _ = try await healer.replace()
            }
            metrics?.healed()
            let now = time.now
            paces[generation] = .after(now - start, at: now)
            troubles.resolve(followed.hotSet.projection)
            // The pointer may be waiting for just this.
            await pointers.checkSoon()
        }
    }

    // MARK: Failures

    /// Runs a body and decides what its failure means for the generation.
    private func guarding(_ followed: FollowedGeneration, _ body: () async throws -> Void) async {
        do {
            try await body()
        } catch is LeaseLost {
            // Its present owner follows it.
            queue.leave(followed.generation, fencingValue: followed.fencingValue)
            logger.info(
                "the cache leaves a generation that has another owner",
                metadata: ["generation": "\(followed.generation)"]
            )
        } catch {
            await failed(followed, error)
        }
    }

    private func failed(_ followed: FollowedGeneration, _ error: any Error) async {
        let (generation, projection) = (followed.generation, followed.hotSet.projection)
        troubles.note("\(error)", of: projection)
        if error is CacheFailure {
            queue.update(generation, fencingValue: followed.fencingValue) { $0.forgetSent() }
        }
        let pace = (paces[generation] ?? HealingPace(notBefore: time.now)).afterFailure("\(error)", at: time.now)
        paces[generation] = pace
        switch error {
        case CacheFailure.unowned, CacheFailure.fenced, CacheFailure.odd, CacheFailure.incomplete:
            // The keys are gone or have another fencing value: the lease is confirmed and everything rewritten, at
            // once.
            paces[generation]?.notBefore = time.now
        case CacheFailure.refused(let refusal) where refusal.line.contains("WRONGTYPE"):
            // Taking the generation again removes the key of another type.
            paces[generation]?.notBefore = time.now
        case CacheFailure.refused(let refusal):
            await refused(refusal, followed)
        case let error as RedisError where error.endsConnection:
            await connections.lost(error)
        case let error as PostgresError where !error.isTransient || error.code == .connectionLost:
            await connections.closeDatabase()
        default:
            break
        }
        // A connection that is lost was reported as such.
        let isLost = (error as? RedisError)?.endsConnection ?? false
        var isNews = false
        if let rest = paces[generation].map({ $0.notBefore - time.now }), rest > .zero {
            await notePause(followed, pace.failures, until: HotSet.now + rest.milliseconds * 1000, error)
            isNews = pace.isNewCause && !isLost
        }
        logger.log(
            level: isNews ? .warning : .debug,
            "a generation's cache has to be healed",
            metadata: ["projection": "\(projection)", "generation": "\(generation)", "error": "\(error)"]
        )
    }

    /// Records that nothing is tried for a while, and why: here, and in the cache for other processes.
    private func notePause(_ followed: FollowedGeneration, _ failures: Int, until: Int64, _ error: any Error) async {
        let (projection, generation) = (followed.hotSet.projection, followed.generation)
        let until = Timestamp(microseconds: until)
        let text = "paused after \(failures) failures until \(until): \(error)"
        troubles.note(text, of: projection)
        await pointers.findStale(followed)
        guard let redis = await connections.redis else { return }
        let ttl = max(1, (until - Timestamp(microseconds: HotSet.now)).milliseconds) + 1000
        let key = server.keys(projection).key(generation, "note")
        do {
            // A look at the server shows a refusal by itself.
            _ = try await redis.pipeline([RedisCommand("SET", [key, .text(text), "PX", .integer(ttl)])])
        } catch {
            await connections.lost(error)
        }
    }

    /// A server without memory for a row still serves the one before: that has to go.
    private func refused(_ refusal: RedisReplyError, _ followed: FollowedGeneration) async {
        guard let redis = await connections.redisIfReachable() else { return }
        guard refusal.code == "OOM" else {
            // After a failover the same address may lead to the new primary.
            if refusal.code == "READONLY" { await connections.lost(refusal) }
            return
        }
        logger.warning(
            "the cache has no memory left; the generation is taken out of it",
            metadata: ["projection": "\(followed.hotSet.projection)", "generation": "\(followed.generation)"]
        )
        do {
            try await GenerationCache(of: followed, server, redis, warnings).drop()
        } catch {
            await connections.lost(error)
        }
    }
}
