internal import Logging
internal import Postgres
internal import Redis
internal import Refold

/// How often a generation may be healed: a healing reads the whole table, and folding needs the machine too.
struct Pace: Sendable {
    var failures = 0
    var notBefore: ContinuousClock.Instant

    /// After a success the generation rests nine times as long as it took; after failures longer and longer.
    static func after(_ cost: Duration) -> Pace { Pace(notBefore: .now + cost * 9) }

    func afterFailure() -> Pace {
        let wait = min(Duration.milliseconds(250) * (1 << min(failures, 7)), .seconds(30))
        return Pace(failures: failures + 1, notBefore: .now + wait)
    }
}

/// What the daemon does for the generations it owns.
extension HotCache {
    func step() async {
        guard let redis = await writableRedis() else { return }
        if nextCheck <= .now {
            (nextCheck, renewedAt) = (.now + .seconds(1), .now)
            for followed in queue.followed { rewarmInTime(followed) }
            await compare(redis)
        }
        for followed in queue.followed where isConnected { await advance(followed, redis) }
    }

    /// Rows of the hot set that nobody changes would expire one day: the set is written anew in time.
    private func rewarmInTime(_ followed: FollowedGeneration) {
        guard let warmed = warmedAt[followed.generation], warmed + followed.hotSet.settings.lifetime / 2 < .now
        else { return }
        queue.update(followed.generation, fencingValue: followed.fencingValue) { $0.forgetSent() }
    }

    /// Sends what waits, at the end.
    func sendRest() async {
        // Away or behind, it is for the next owner to heal.
        guard let redis = await writableRedis() else { return }
        for followed in queue.followed where followed.need == .send { await advance(followed, redis) }
    }

    private func advance(_ followed: FollowedGeneration, _ redis: CacheConnection) async {
        let need = followed.need
        if need == .nothing { return }
        if need != .send, let pace = paces[followed.generation], pace.notBefore > .now { return }
        let start = ContinuousClock.now
        await guarding(followed) {
            switch need {
            case .nothing: return
            case .send: return try await send(followed, redis)
            case .refresh(let position): try await refresh(followed, after: position, redis)
            case .warm: _ = try await warm(followed, redis)
            case .replace:
                try await dropFirst(followed, redis)
                _ = try await warm(followed, redis)
            }
            paces[followed.generation] = .after(.now - start)
            queue.note(nil, of: followed.hotSet.projection)
            // The pointer may wait for just this.
            nextCheck = .now
        }
    }

    /// Runs a body and decides what its failure means for the generation.
    func guarding(_ followed: FollowedGeneration, _ body: () async throws -> Void) async {
        let (generation, fencingValue, projection) = (
            followed.generation, followed.fencingValue, followed.hotSet.projection
        )
        do {
            try await body()
        } catch is LeaseLost {
            // Whoever owns it now follows it.
            queue.leave(generation, fencingValue: fencingValue)
            logger.info(
                "the cache leaves a generation that has another owner",
                metadata: ["generation": "\(generation)"]
            )
        } catch {
            queue.note("\(error)", of: projection)
            if error is CacheFailure { queue.update(generation, fencingValue: fencingValue) { $0.forgetSent() } }
            let pace = (paces[generation] ?? Pace(notBefore: .now)).afterFailure()
            paces[generation] = pace
            switch error {
            case CacheFailure.unowned, CacheFailure.fenced, CacheFailure.odd:
                // The keys are gone or another fencing value's: the lease is confirmed, and everything written anew, at once.
                paces[generation]?.notBefore = .now
            case CacheFailure.refused(let refusal) where refusal.line.contains("WRONGTYPE"):
                // Taking the generation again removes the key of another type.
                paces[generation]?.notBefore = .now
            case CacheFailure.refused(let refusal):
                await refused(refusal, followed)
            case let error as RedisError where error.endsConnection:
                noteLoss(error)
            case let error as PostgresError where !error.isTransient || error.code == .connectionLost:
                await closeDatabase()
            default:
                break
            }
            if let notBefore = paces[generation]?.notBefore, notBefore > .now {
                await notePause(
                    followed,
                    pace.failures,
                    until: HotSet.now + (notBefore - .now).milliseconds * 1000,
                    error
                )
            }
            logger.debug(
                "a generation's cache has to be healed",
                metadata: ["projection": "\(projection)", "generation": "\(generation)", "error": "\(error)"]
            )
        }
    }

    /// Says that nothing is tried for a while, and why: here, and in the cache for those who look from elsewhere.
    private func notePause(_ followed: FollowedGeneration, _ failures: Int, until: Int64, _ error: any Error) async {
        let (projection, generation) = (followed.hotSet.projection, followed.generation)
        let until = Timestamp(microseconds: until)
        let text = "paused after \(failures) failures until \(until): \(error)"
        queue.note(text, of: projection)
        await findStale(followed)
        guard let redis else { return }
        let lifetime = max(1, (until - Timestamp(microseconds: HotSet.now)).milliseconds) + 1000
        let note = RedisCommand(
            "SET",
            [keys(projection).key(generation, "note"), .text(text), "PX", .integer(lifetime)]
        )
        do {
            // What is refused, a look at the server tells by itself.
            _ = try await redis.pipeline([note])
        } catch {
            noteLoss(error)
        }
    }

    /// A server without memory for a row still serves the one before: that has to go.
    private func refused(_ refusal: RedisReplyError, _ followed: FollowedGeneration) async {
        guard let redis = await connectedRedis() else { return }
        guard refusal.code == "OOM" else {
            // After a failover the same address may lead to the new primary.
            if refusal.code == "READONLY" { noteLoss(refusal) }
            return
        }
        logger.warning(
            "the cache has no memory left; the generation is taken out of it",
            metadata: ["projection": "\(followed.hotSet.projection)", "generation": "\(followed.generation)"]
        )
        do {
            try await cache(of: followed, redis).drop()
        } catch {
            noteLoss(error)
        }
    }

    /// Brings a generation up to date before its owner gives it back, then follows it no more.
    ///
    /// For an owner that ends in good order: what it committed last would else be missing until the next one comes, and
    /// the pointer would expire in seconds; at rest it lasts for ``CacheSettings/restLifetime``. Gives up at once when the
    /// server is away: then the pointer expires.
    ///
    /// - Parameter limit: how long it may take; two seconds unless told otherwise.
    package func finish(_ generation: GenerationNumber, within limit: Duration = .seconds(2)) async {
        let deadline = ContinuousClock.now + limit
        var wasCompared = false
        while let followed = queue.followed(generation), ContinuousClock.now < deadline {
            if followed.need == .nothing && wasCompared { break }
            let isConnected = await exclusively { cache in
                guard let redis = await cache.writableRedis() else { return false }
                wasCompared = followed.need == .nothing
                cache.paces[generation] = nil
                if wasCompared { await cache.compare(redis) } else { await cache.advance(followed, redis) }
                return cache.isConnected
            }
            if !isConnected || Task.isCancelled { break }
            // What failed is not tried again without pause.
            if queue.followed(generation)?.need == followed.need { try? await Task.sleep(for: .milliseconds(5)) }
        }
        if let followed = queue.followed(generation), wasCompared, followed.need == .nothing, !Task.isCancelled {
            await exclusively { await $0.rest(followed) }
        }
        queue.leave(generation)
    }

    /// Lets the pointer last although nobody renews it. Its owner says so while it is the owner: the next one makes the
    /// time short again before it commits anything that the cache does not have.
    private func rest(_ followed: FollowedGeneration) async {
        guard let redis = await writableRedis(), let sent = followed.sent else { return }
        do {
            let cache = cache(of: followed, redis)
            _ = try await cache.answers([cache.renewing(for: restLifetime, through: sent)])
        } catch {
            logger.debug(
                "the cache's pointer expires soon",
                metadata: ["projection": "\(followed.hotSet.projection)", "error": "\(error)"]
            )
            if let error = error as? RedisError, error.endsConnection { noteLoss(error) }
        }
    }

    func cache(of followed: FollowedGeneration, _ redis: CacheConnection) -> GenerationCache {
        GenerationCache(
            redis: redis,
            keys: keys(followed.hotSet.projection),
            hotSet: followed.hotSet,
            generation: followed.generation,
            fencingValue: followed.fencingValue,
            warnings: warnings
        )
    }

    // MARK: Sending

    func send(_ followed: FollowedGeneration, _ redis: CacheConnection) async throws {
        let (generation, fencingValue) = (followed.generation, followed.fencingValue)
        let windows = queue.update(generation, fencingValue: fencingValue) { $0.takeWindows() } ?? []
        guard let last = windows.last else { return }
        do {
            let cache = cache(of: followed, redis)
            let incomplete = try await cache.write(windows.map(\.rows), through: last.through) { [queue] in
                queue.update(generation, fencingValue: fencingValue) { $0.progressed() }
            }
            if !incomplete.isEmpty { try await refill(incomplete, cache) }
            queue.update(generation, fencingValue: fencingValue) { $0.reached(last.through) }
        } catch {
            queue.update(generation, fencingValue: fencingValue) { $0.lost(windows) }
            throw error
        }
    }

    /// Fills sorted sets that lost a key: others may be next.
    func refill(_ names: Set<[UInt8]>, _ cache: GenerationCache) async throws {
        guard let ranking = cache.hotSet.ranking else { return }
        let reader = HotSetReader(cache.hotSet, generation: cache.generation)
        let prefix = cache.hotSet.groupPrefix
        try await snapshot { connection in
            for name in names {
                let rows =
                    if let prefix, name.starts(with: prefix) {
                        try reader.readGroup(name.dropFirst(prefix.count), ranking, on: connection)
                    } else {
                        try reader.readTop(ranking, on: connection)
                    }
                try await cache.replaceRanking(name, by: rows)
            }
        }
    }
}

/// Somebody else owns the generation in PostgreSQL.
struct LeaseLost: Error {}

extension PostgresConnection {
    /// Where a generation stands, and the fencing value of its owner.
    func lease(of generation: GenerationNumber) throws -> (position: Int64, fencingValue: FencingValue) {
        let result = try query(
            "SELECT position, fencing_value FROM refold.checkpoints WHERE generation = $1",
            [.int64(generation.rawValue)]
        )
        guard !result.isEmpty else { throw LeaseLost() }
        return (try result.int64(0, 0), FencingValue(try result.int64(0, 1)))
    }
}
