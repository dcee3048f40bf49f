package import Engine
internal import Logging
package import Postgres
internal import Redis
package import Refold
internal import Timing

/// Writes the hot rows of live read models to Redis.
///
/// Never the source and never in the way: folding hands committed windows over and continues. Rows that do not arrive,
/// because the server is away, slow, full or was flushed, are read from the database when they can be written again.
///
/// One task calls ``run()``; the others' calls wait for their turn between its steps, so that a generation's keys have one
/// writer at a time.
package actor RedisCacheWriter: CacheWriter {
    nonisolated let cache: RedisCache
    nonisolated let queue: CacheQueue
    nonisolated let troubles: CacheTroubles
    let connections: CacheConnections
    let pointers: PointerKeeper
    let healing: CacheHealing
    /// By generation: what is there ahead of the commit.
    var preloaded: [GenerationNumber: PreloadedRows] = [:]

    private nonisolated let wakeUps: AsyncStream<Void>
    private nonisolated let waker: AsyncStream<Void>.Continuation
    private var isBusy = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    /// - Parameter connect: opens a session of the cache's own with the database. Nothing is connected yet.
    package init(_ cache: RedisCache, connect: @escaping @Sendable () async throws -> PostgresConnection) {
        self.cache = cache
        queue = CacheQueue(limits: cache.limits, time: cache.time)
        troubles = CacheTroubles(logger: cache.logger)
        let warnings = CacheWarnings(logger: cache.logger)
        connections = CacheConnections(cache, queue: queue, troubles: troubles, connect: connect)
        pointers = PointerKeeper(
            cache,
            connections: connections,
            queue: queue,
            troubles: troubles,
            warnings: warnings
        )
        healing = CacheHealing(
            cache,
            connections: connections,
            pointers: pointers,
            queue: queue,
            troubles: troubles,
            warnings: warnings
        )
        (wakeUps, waker) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    // MARK: Following

    package nonisolated func follow(
        _ generation: GenerationNumber,
        of projection: ProjectionName,
        fencingValue: FencingValue
    ) {
        if let hotSet = cache.hotSets[projection] {
            queue.follow(hotSet, generation: generation, fencingValue: fencingValue)
        } else {
            queue.leaveUncached(projection, generation)
        }
        waker.yield()
    }

    package nonisolated func encode(_ changes: [[ChangedRecord]], of generation: GenerationNumber) -> HotRows {
        guard let (encoder, hotSet, isAccepting) = queue.encoder(of: generation) else { return .skipped }
        let records = changes[hotSet.table]
        // More than the hot set has: reading that from the database is cheaper than sending all of these.
        guard isAccepting && records.count <= max(1000, hotSet.settings.limit) else {
            return .skipped(hasRemovals: records.contains { !$0.isPresent })
        }
        return encoder.encode(records)
    }

    package nonisolated func committed(
        _ rows: HotRows,
        of generation: GenerationNumber,
        through position: GlobalPosition
    ) {
        if queue.committed(rows, of: generation, through: position.rawValue) { waker.yield() }
    }

    package nonisolated func leave(_ generation: GenerationNumber) { queue.leave(generation) }

    /// Whether a generation is followed: it no longer is once another process has taken it over.
    package nonisolated func isFollowing(_ generation: GenerationNumber) -> Bool { queue.followed(generation) != nil }

    /// For every generation that is or was followed the pointer goes first, and nothing else is written before that;
    /// then its keys go, and those that are followed are warmed and pointed at again.
    package nonisolated func serverChanged() {
        queue.distrustAll()
        waker.yield()
    }

    /// The state of a projection's cache, with what this writer knows.
    package nonisolated func status(
        of projection: ProjectionName,
        on connection: PostgresConnection
    ) async -> CacheStatus {
        await cache.status(of: projection, on: connection, known: troubles)
    }

    // MARK: Running

    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [waker, time = cache.time] in
                // Sleeping is cut short by cancellation, which ends the loop.
                while (try? await time.sleep(for: .milliseconds(100))) != nil {
                    waker.yield()
                    if await self.isBusy { await self.pointers.renewAll() }
                }
            }
            for await _ in wakeUps { await exclusively { await $0.step() } }
            group.cancelAll()
        }
        await exclusively { await $0.sendRest() }
        await close()
    }

    private func step() async {
        guard let redis = await pointers.writableRedis() else { return }
        if await pointers.beginCheck(openedAt: connections.openedAt) {
            queue.renewOldSets()
            await healing.comparePointers(redis)
        }
        for followed in queue.followed {
            guard await connections.redis != nil else { return }
            await healing.advance(followed, redis)
        }
    }

    /// Sends what waits, at the end.
    private func sendRest() async {
        // Away or behind, the cache is for the next owner to heal.
        guard let redis = await pointers.writableRedis() else { return }
        for followed in queue.followed where followed.need == .send { await healing.advance(followed, redis) }
    }

    /// For an owner that ends in good order: its last commits would otherwise be missing until the next owner comes,
    /// and the pointer would expire in seconds; at rest it lasts for ``CacheSettings/restTTL``. Gives up at once when
    /// the server is away: then the pointer expires.
    package func finish(_ generation: GenerationNumber) async {
        let deadline = cache.time.now + .seconds(2)
        var wasCompared = false
        while let followed = queue.followed(generation), cache.time.now < deadline {
            if followed.need == .nothing && wasCompared { break }
            let isConnected = await exclusively { writer in
                guard let redis = await writer.pointers.writableRedis() else { return false }
                wasCompared = followed.need == .nothing
                if wasCompared {
                    await writer.healing.comparePointers(redis)
                } else {
                    await writer.healing.advance(followed, redis, atOnce: true)
                }
                return await writer.connections.redis != nil
            }
            if !isConnected || Task.isCancelled { break }
            // A failed body is not tried again without a pause.
            if queue.followed(generation)?.need == followed.need { try? await cache.time.sleep(for: .milliseconds(5)) }
        }
        if let followed = queue.followed(generation), wasCompared, followed.need == .nothing, !Task.isCancelled {
            await exclusively { writer in
                guard let redis = await writer.pointers.writableRedis() else { return }
                await writer.pointers.rest(followed, writer.healing.healer(of: followed, redis).cache)
            }
        }
        queue.leave(generation)
    }

    package func openAhead() async {
        await exclusively { writer in
            _ = try? await writer.connections.openRedis()
            _ = try? await writer.connections.openDatabase()
        }
    }

    package func close() async { await connections.close() }

    // MARK: Taking turns

    /// Runs the body while no other runs: an actor by itself lets calls in wherever one waits.
    func exclusively<R>(_ body: (isolated RedisCacheWriter) async throws -> R) async rethrows -> R {
        while isBusy { await withCheckedContinuation { waiting.append($0) } }
        isBusy = true
        defer {
            isBusy = false
            if !waiting.isEmpty { waiting.removeFirst().resume() }
        }
        return try await body(self)
    }
}
