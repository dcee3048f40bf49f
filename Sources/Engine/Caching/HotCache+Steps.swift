internal import Logging
internal import Postgres
internal import Redis
package import Refold

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
        guard let redis = await connectedRedis() else { return }
        if nextCheck <= .now {
            nextCheck = .now + .seconds(1)
            for followed in queue.followed { renew(followed) }
            await compare(redis)
        }
        for followed in queue.followed where isConnected { await advance(followed, redis) }
    }

    /// Rows of the hot set that nobody changes would expire one day: the set is written anew in time.
    private func renew(_ followed: FollowedGeneration) {
        guard let warmed = warmedAt[followed.generation], warmed + followed.hotSet.settings.lifetime / 2 < .now
        else { return }
        queue.update(followed.generation, epoch: followed.epoch) { $0.forgetSent() }
    }

    /// Sends what waits, at the end.
    func sendRest() async {
        // Away or behind, it is for the next owner to heal.
        guard let redis = await connectedRedis() else { return }
        for followed in queue.followed where followed.need == .send { await advance(followed, redis) }
    }

    private func advance(_ followed: FollowedGeneration, _ redis: RedisConnection) async {
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
            }
            paces[followed.generation] = .after(.now - start)
            queue.note(nil, of: followed.hotSet.projection)
            // The pointer may wait for just this.
            nextCheck = .now
        }
    }

    /// Runs a body and decides what its failure means for the generation.
    func guarding(_ followed: FollowedGeneration, _ body: () async throws -> Void) async {
        let (generation, epoch, projection) = (followed.generation, followed.epoch, followed.hotSet.projection)
        do {
            try await body()
        } catch is LeaseLost {
            // Whoever owns it now follows it.
            queue.leave(generation, epoch: epoch)
            logger.info(
                "the cache leaves a generation that has another owner",
                metadata: ["generation": "\(generation)"]
            )
        } catch {
            queue.note("\(error)", of: projection)
            if error is CacheFailure { queue.update(generation, epoch: epoch) { $0.forgetSent() } }
            paces[generation] = (paces[generation] ?? Pace(notBefore: .now)).afterFailure()
            switch error {
            case CacheFailure.unowned, CacheFailure.fenced:
                // The keys are gone or another epoch's: the lease is confirmed, and everything written anew, at once.
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
            logger.debug(
                "a generation's cache has to be healed",
                metadata: ["projection": "\(projection)", "generation": "\(generation)", "error": "\(error)"]
            )
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
    /// For an owner that ends in good order: what it committed last would else be missing until the next one comes. Gives
    /// up at once when the server is away.
    ///
    /// - Parameter limit: how long it may take; two seconds unless told otherwise.
    package func finish(_ generation: Int64, within limit: Duration = .seconds(2)) async {
        let deadline = ContinuousClock.now + limit
        var wasCompared = false
        while let followed = queue.followed(generation), ContinuousClock.now < deadline {
            if followed.need == .nothing && wasCompared { break }
            let isConnected = await exclusively { cache in
                guard let redis = await cache.connectedRedis() else { return false }
                wasCompared = followed.need == .nothing
                cache.paces[generation] = nil
                if wasCompared { await cache.compare(redis) } else { await cache.advance(followed, redis) }
                return cache.isConnected
            }
            if !isConnected || Task.isCancelled { break }
            // What failed is not tried again without pause.
            if queue.followed(generation)?.need == followed.need { try? await Task.sleep(for: .milliseconds(5)) }
        }
        queue.leave(generation)
    }

    func cache(of followed: FollowedGeneration, _ redis: RedisConnection) -> GenerationCache {
        GenerationCache(
            redis: redis,
            keys: keys(followed.hotSet.projection),
            hotSet: followed.hotSet,
            generation: followed.generation,
            epoch: followed.epoch
        )
    }

    // MARK: Sending

    func send(_ followed: FollowedGeneration, _ redis: RedisConnection) async throws {
        let (generation, epoch) = (followed.generation, followed.epoch)
        let windows = queue.update(generation, epoch: epoch) { $0.takeWindows() } ?? []
        guard let last = windows.last else { return }
        do {
            let cache = cache(of: followed, redis)
            let incomplete = try await cache.write(windows.map(\.rows), through: last.through)
            if !incomplete.isEmpty { try await refill(incomplete, cache) }
            queue.update(generation, epoch: epoch) { $0.reached(last.through) }
        } catch {
            queue.update(generation, epoch: epoch) { $0.lost(windows) }
            throw error
        }
    }

    /// Fills sorted sets that lost a key: others may be next.
    private func refill(_ names: Set<String>, _ cache: GenerationCache) async throws {
        guard let ranking = cache.hotSet.ranking else { return }
        let reader = HotSetReader(cache.hotSet, generation: cache.generation)
        let prefix = cache.hotSet.groupPrefix
        let sets = try await openDatabase().transaction(.readOnlySnapshot) { connection in
            try names.map { name in
                if let prefix, name.hasPrefix(prefix) {
                    let group = String(decoding: name.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
                    return (name, try reader.readGroup(group, ranking, on: connection))
                }
                return (name, try reader.readTop(ranking, on: connection))
            }
        }
        for (name, rows) in sets { try await cache.replaceRanking(name, by: rows) }
    }

    // MARK: Healing

    /// Reads what changed behind a position and sends it.
    func refresh(_ followed: FollowedGeneration, after position: Int64, _ redis: RedisConnection) async throws {
        let (generation, epoch) = (followed.generation, followed.epoch)
        let cache = cache(of: followed, redis)
        let reader = HotSetReader(followed.hotSet, generation: generation)
        queue.update(generation, epoch: epoch) { $0.beginHealing(anew: false) }
        let names = NameSet()
        do {
            let reached = try await openDatabase().transaction(.readOnlySnapshot) { connection in
                let lease = try connection.lease(of: generation)
                guard lease.epoch == epoch else { throw LeaseLost() }
                _ = try await reader.readChanges(after: position, on: connection) { rows in
                    await names.insert(try await cache.write([rows], through: nil))
                }
                return lease.position
            }
            let incomplete = await names.names.union(try await cache.write([], through: reached))
            if !incomplete.isEmpty { try await refill(incomplete, cache) }
            queue.update(generation, epoch: epoch) { $0.reached(reached) }
        } catch {
            queue.update(generation, epoch: epoch) { $0.lost([]) }
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
        _ redis: RedisConnection,
        for lifetime: Duration? = nil,
        isConfirmed: Bool = false
    ) async throws -> WarmResult {
        let start = ContinuousClock.now
        let (generation, epoch) = (followed.generation, followed.epoch)
        let cache = cache(of: followed, redis)
        let reader = HotSetReader(followed.hotSet, generation: generation)
        let database = try await openDatabase()
        try await beginWarming(followed, cache, database, isConfirmed: isConfirmed)
        let (rows, reached) = try await database.transaction(.readOnlySnapshot) { connection in
            let lease = try connection.lease(of: generation)
            guard isConfirmed || lease.epoch == epoch else { throw LeaseLost() }
            let rows = try await reader.readHotRows(on: connection) { try await cache.warm($0) }
            let top = try followed.hotSet.ranking.map { try reader.readTop($0, on: connection) } ?? .none
            let groups = try followed.hotSet.ranking.map { try reader.readGroups($0, on: connection) } ?? .none
            try await cache.replaceRankings(top: top, groups: groups)
            return (rows, lease.position)
        }
        return try await finishWarming(followed, cache, rows, through: reached, for: lifetime, since: start)
    }

    /// Takes the owner's key: first it is read, then the lease, then it is written by compare-and-set. Whoever took both in
    /// between wins, and a process that lost its lease while it was stopped cannot take the key.
    func beginWarming(
        _ followed: FollowedGeneration,
        _ cache: GenerationCache,
        _ database: PostgresConnection,
        isConfirmed: Bool = false
    ) async throws {
        let (generation, epoch) = (followed.generation, followed.epoch)
        let found = isConfirmed ? epoch : try await cache.owner()
        queue.update(generation, epoch: epoch) { $0.beginHealing(anew: true) }
        if !isConfirmed, try await database.lease(of: generation).epoch != epoch { throw LeaseLost() }
        try await cache.adopt(from: found)
    }

    /// Says that everything up to a position is in the cache.
    func finishWarming(
        _ followed: FollowedGeneration,
        _ cache: GenerationCache,
        _ rows: Int,
        through reached: Int64,
        for lifetime: Duration?,
        since start: ContinuousClock.Instant
    ) async throws -> WarmResult {
        let generation = followed.generation
        try await cache.finish(through: reached)
        try await cache.keep(for: lifetime)
        warmedAt[generation] = .now
        queue.update(generation, epoch: followed.epoch) { $0.reached(reached) }
        let duration = ContinuousClock.now - start
        logger.info(
            "the cache was warmed",
            metadata: [
                "projection": "\(followed.hotSet.projection)", "generation": "\(generation)", "rows": "\(rows)",
                "duration": "\(duration)",
            ]
        )
        return WarmResult(rows: rows, through: GlobalPosition(reached), duration: duration)
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

/// Somebody else owns the generation in PostgreSQL.
struct LeaseLost: Error {}

/// Names that pieces of work add to, one after the other.
private actor NameSet {
    private(set) var names: Set<String> = []

    func insert(_ more: Set<String>) { names.formUnion(more) }
}

extension PostgresConnection {
    /// Where a generation stands, and the epoch of its owner.
    func lease(of generation: Int64) throws -> (position: Int64, epoch: Int64) {
        let result = try query(
            "SELECT position, fencing_value FROM refold.checkpoints WHERE generation = $1",
            [.int64(generation)]
        )
        guard !result.isEmpty else { throw LeaseLost() }
        return (try result.int64(0, 0), try result.int64(0, 1))
    }
}
