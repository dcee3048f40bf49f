internal import Logging
internal import Postgres
internal import Redis
internal import Timing

/// A writer's two sessions, with the cache's server and with the database: opened when needed, and again when lost.
actor CacheConnections {
    private let server: CacheServer
    private let connect: @Sendable () async throws -> PostgresConnection
    private let queue: CacheQueue
    private let troubles: CacheTroubles
    private let restTTL: Duration
    private let time: TimeSource
    private let logger: Logger

    /// The connection with the cache's server, while there is one.
    private(set) var redis: CacheConnection?
    private var reconnection = RedisReconnection(longest: .seconds(2))
    private var database: PostgresConnection?
    /// When the cache's server was reached last.
    private(set) var openedAt: ContinuousClock.Instant?

    init(
        _ cache: RedisCache,
        queue: CacheQueue,
        troubles: CacheTroubles,
        connect: @escaping @Sendable () async throws -> PostgresConnection
    ) {
        server = cache.server
        self.connect = connect
        self.queue = queue
        self.troubles = troubles
        restTTL = cache.restTTL
        time = cache.time
        logger = cache.logger
    }

    // MARK: The cache's server

    /// The connection, if there is one or it is time to try; nil while the server is away.
    func redisIfReachable() async -> CacheConnection? {
        if let redis { return redis }
        guard reconnection.action(at: time.now) == .connect else { return nil }
        do {
            return try await openRedis()
        } catch {
            lost(error)
            return nil
        }
    }

    /// The connection, opened if need be, whenever it was tried last.
    func openRedis() async throws -> CacheConnection {
        if let redis { return redis }
        let connection = try await server.connect()
        if reconnection.failures > 0 {
            logger.info("the cache can be reached again", metadata: ["redis_address": "\(server.url.address)"])
        }
        redis = connection
        openedAt = time.now
        reconnection.connected(at: time.now)
        return connection
    }

    /// Records that the server cannot be reached: nothing is queued until it can, and readers may be sent to what is
    /// there for as long as a pointer lasts.
    func lost(_ error: any Error) {
        let lost = redis
        redis = nil
        // Closing waits for the server; nothing else waits for that.
        if let lost { Task { await lost.close() } }
        if reconnection.failures == 0 {
            logger.warning(
                "the cache cannot be reached; folding continues, and it is brought up to date later",
                metadata: ["redis_address": "\(server.url.address)", "error": "\(error)"]
            )
        }
        reconnection.failed(at: time.now, random: Double.random(in: 0..<1))
        queue.stopAccepting()
        for followed in queue.followed {
            troubles.note("the server is away: \(error)", of: followed.hotSet.projection)
            guard !followed.isPointerShort else { continue }
            troubles.noteStale(followed, until: HotSet.now + restTTL.milliseconds * 1000)
        }
    }

    // MARK: The database

    func openDatabase() async throws -> PostgresConnection {
        if let database, await database.isUsable { return database }
        let connection = try await connect()
        database = connection
        return connection
    }

    func closeDatabase() async {
        await database?.close()
        database = nil
    }

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

    func close() async {
        await redis?.close()
        redis = nil
        await closeDatabase()
    }
}
