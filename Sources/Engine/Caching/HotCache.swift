package import Logging
package import Postgres
internal import Redis
package import Refold

/// The hot rows of live read models in Redis.
///
/// Never the source and never in the way: folding hands committed windows over and goes on. What does not arrive, because
/// the server is away, slow, full or was flushed, is read from the database when it can be written again.
///
/// One task calls ``run()``; the others' calls wait for their turn between its steps.
package actor HotCache {
    let keys: @Sendable (ProjectionName) -> CacheKeys
    let url: RedisURL
    let timeouts: RedisTimeouts
    nonisolated let hotSets: [ProjectionName: HotSet]
    nonisolated let queue: CacheQueue
    let logger: Logger
    let warnings: CacheWarnings
    let restLifetime: Duration
    private let connectDatabase: @Sendable () async throws -> PostgresConnection

    private(set) var redis: CacheConnection?
    private var reconnection = RedisReconnection(longest: .seconds(2))
    private var database: PostgresConnection?
    private nonisolated let wakeUps: AsyncStream<Void>
    nonisolated let waker: AsyncStream<Void>.Continuation

    private(set) var isBusy = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    /// When the pointers are compared and renewed next.
    var nextCheck = ContinuousClock.now
    /// When they were renewed last.
    var renewedAt = ContinuousClock.now
    /// By generation: what its last healing has cost, and when it may be tried again.
    var paces: [GenerationNumber: Pace] = [:]
    /// By generation: when it was warmed.
    var warmedAt: [GenerationNumber: ContinuousClock.Instant] = [:]
    /// By generation: what is there ahead of the commit.
    var preloaded: [GenerationNumber: Preloaded] = [:]
    /// By projection: the pointer's revision that has yet to reach the cache, and what the generation has to have then.
    var pendingFlips: [ProjectionName: PendingFlip] = [:]

    /// - Parameters:
    ///   - hotSets: what is cached; a projection that is not named is not cached.
    ///   - connectDatabase: opens a session of the cache's own.
    /// - Throws: `RedisError` for a URL that cannot be used, ``EngineError/Code/setting`` for a hot set that does not fit
    ///   its projection. No connection is made yet.
    package init(
        _ settings: CacheSettings,
        hotSets: [ProjectionName: HotSetSettings],
        of projections: [any Projection],
        limits: CacheLimits = CacheLimits(),
        logger: Logger,
        connectDatabase: @escaping @Sendable () async throws -> PostgresConnection
    ) throws {
        url = try RedisURL(settings.url)
        timeouts = RedisTimeouts(connect: settings.timeout, command: settings.timeout)
        let prefix = settings.prefix
        keys = { CacheKeys(prefix: prefix, projection: $0) }
        var found: [ProjectionName: HotSet] = [:]
        for projection in projections {
            if let settings = hotSets[projection.name] { found[projection.name] = try HotSet(settings, of: projection) }
        }
        self.hotSets = found
        queue = CacheQueue(limits: limits)
        self.logger = logger
        warnings = CacheWarnings(logger: logger)
        // The server refuses times near the end of its range.
        restLifetime = min(max(settings.restLifetime, .seconds(1)), .seconds(10 * 365 * 86_400))
        self.connectDatabase = connectDatabase
        (wakeUps, waker) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    // MARK: Following

    /// Keeps a generation right in the cache from now on: it is warmed, then follows its commits. To be called after each
    /// acquisition, by its owner only; does nothing for a projection that is not cached.
    package nonisolated func follow(
        _ generation: GenerationNumber,
        of projection: ProjectionName,
        fencingValue: FencingValue
    ) {
        guard let hotSet = hotSets[projection] else { return }
        queue.follow(hotSet, generation: generation, fencingValue: fencingValue)
        waker.yield()
    }

    /// Follows a generation no more; what is in the cache stays.
    package nonisolated func leave(_ generation: GenerationNumber) {
        queue.leave(generation)
    }

    /// Whether a generation is followed: it is not any more once somebody else has taken its lease.
    package nonisolated func isFollowing(_ generation: GenerationNumber) -> Bool { queue.followed(generation) != nil }

    /// The server has lost what it had committed: it has crashed, or a standby was promoted. What is cached may be of
    /// events that are gone, and their positions are drawn again, so that it would never be replaced. For every generation
    /// that is or was followed the pointer goes first, and nothing else is written before that; then its keys go, and
    /// those that are followed are warmed and pointed at anew.
    package nonisolated func serverChanged() {
        queue.distrustAll()
        waker.yield()
    }

    /// To be called once. Sends what is committed, compares and renews the pointers every second and heals what is not
    /// right, until the task is cancelled; what waits then is still sent if that takes no new connection.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [waker] in
                // Sleeping is cut short by cancellation, which ends the loop.
                while (try? await Task.sleep(for: .milliseconds(100))) != nil {
                    waker.yield()
                    await self.renewWhileBusy()
                }
            }
            for await _ in wakeUps { await exclusively { await $0.step() } }
            group.cancelAll()
        }
        await exclusively { await $0.sendRest() }
        await close()
    }

    /// Closes the connections.
    package func close() async {
        await redis?.close()
        redis = nil
        await closeDatabase()
    }

    // MARK: Taking turns

    /// Runs the body while nobody else's runs: an actor alone lets calls in wherever one waits.
    func exclusively<R>(_ body: (isolated HotCache) async throws -> R) async rethrows -> R {
        while isBusy { await withCheckedContinuation { waiting.append($0) } }
        isBusy = true
        defer {
            isBusy = false
            if !waiting.isEmpty { waiting.removeFirst().resume() }
        }
        return try await body(self)
    }

    // MARK: Connections

    var isConnected: Bool { redis != nil }

    /// The connection, if there is one or it is time to try; nil while the server is away.
    func connectedRedis() async -> CacheConnection? {
        if let redis { return redis }
        guard reconnection.action(at: .now) == .connect else { return nil }
        do {
            return try await openRedis()
        } catch {
            noteLoss(error)
            return nil
        }
    }

    /// The connection, opened if need be, whenever it was tried last.
    func openRedis() async throws -> CacheConnection {
        if let redis { return redis }
        let connection = try await CacheConnection.open(url, timeouts, logger)
        if reconnection.failures > 0 {
            logger.info("the cache can be reached again", metadata: ["redis_address": "\(url.address)"])
        }
        redis = connection
        reconnection.connected(at: .now)
        nextCheck = .now
        return connection
    }

    /// Takes note that the server cannot be reached: nothing is queued until it can.
    func noteLoss(_ error: any Error) {
        let lost = redis
        redis = nil
        if let lost { Task { await lost.close() } }
        if reconnection.failures == 0 {
            logger.warning(
                "the cache cannot be reached; folding goes on, it is brought up to date later",
                metadata: ["redis_address": "\(url.address)", "error": "\(error)"]
            )
        }
        reconnection.failed(at: .now, random: Double.random(in: 0..<1))
        queue.stopAccepting()
        for followed in queue.followed {
            queue.note("the server is away: \(error)", of: followed.hotSet.projection)
            noteStale(followed, until: HotSet.now + restLifetime.milliseconds * 1000)
        }
    }

    /// Opens both connections ahead, so that the first use need not wait for them. What fails shows then.
    package func openAhead() async {
        await exclusively { cache in
            _ = try? await cache.openRedis()
            _ = try? await cache.openDatabase()
        }
    }

    /// The cache's own session with the database.
    func openDatabase() async throws -> PostgresConnection {
        if let database, await database.isUsable { return database }
        let connection = try await connectDatabase()
        database = connection
        return connection
    }

    func closeDatabase() async {
        await database?.close()
        database = nil
    }
}

extension HotCache: CacheFollower {
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
}
