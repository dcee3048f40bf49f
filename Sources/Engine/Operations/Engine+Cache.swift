internal import Logging
internal import Postgres
public import Refold

extension Engine {
    /// The cache, unless there is none. Nothing is connected yet.
    func makeCache(for purpose: String) throws -> HotCache? {
        guard let cache = settings.cache else { return nil }
        return try HotCache(cache, hotSets: settings.hotSets, of: projections, logger: logger) {
            try await connect(for: "cache \(purpose)")
        }
    }

    /// Lends the cache, which has to be configured, and closes it.
    private func withCache<R: Sendable>(for purpose: String, _ body: (HotCache) async throws -> R) async throws -> R {
        guard let cache = try makeCache(for: purpose) else {
            throw EngineError(.setting, "there is no cache", remedy: "set redis.url (REFOLD_REDIS_URL)")
        }
        do {
            let result = try await body(cache)
            await cache.close()
            return result
        } catch {
            await cache.close()
            throw error
        }
    }

    /// Lets the cache follow a pointer that has just moved. The cache is never the source: what fails here, the
    /// generation's next owner puts right.
    func pointCache(of projection: any Projection, to generation: GenerationNumber) async {
        do {
            guard let cache = try makeCache(for: "point") else { return }
            do {
                try await cache.point(projection.name, to: generation)
            } catch {
                logger.warning("the cache does not follow the pointer yet", metadata: ["cause": "\(error)"])
            }
            await cache.close()
        } catch {
            logger.warning("the cache does not follow the pointer", metadata: ["cause": "\(error)"])
        }
    }

    /// Takes a projection's keys out of the cache; a running daemon fills it again by itself.
    ///
    /// - Returns: how many keys there were.
    public func clearCache(of projection: any Projection) async throws -> Int {
        try await withCache(for: "clear") { try await $0.clear(projection.name) }
    }

    /// Puts a projection's hot rows into the cache anew: by the daemon that owns the live generation, else from here.
    public func warmCache(of projection: any Projection) async throws {
        try await withCache(for: "warm") { cache in
            try await withConnection(for: "warm") { connection in
                try await requireMigration(on: connection)
                let pointer = try await connection.pointer(of: projection.name)
                guard let live = pointer.live, let generation = try await connection.generation(live) else {
                    throw EngineError.nothingLive(projection.name)
                }
                guard generation.phase == .settled else { throw EngineError.unsettled(generation) }
                do {
                    try await withLease { keeper in
                        let owned = try await keeper.acquire(generation, on: connection)
                        _ = try await cache.warm(projection.name, generation: live, fencingValue: owned.fencingValue)
                        _ = try await cache.point(projection.name, to: live)
                    }
                } catch let error as EngineError {
                    guard error.code == .owned else { throw error }
                    guard try await cache.requestWarming(projection.name, on: connection) else { throw error }
                }
            }
        }
    }
}

extension EngineError {
    static func nothingLive(_ projection: ProjectionName) -> EngineError {
        EngineError(
            .nothingLive,
            projection: projection,
            "\(projection) has no live generation yet",
            remedy: "run refold rebuild \(projection) or refold tail"
        )
    }

    static func unsettled(_ generation: Generation) -> EngineError {
        EngineError(
            .unsettled,
            projection: generation.projection,
            "the live generation \(generation.number) of \(generation.projection) is still empty: it is being built",
            remedy: "let refold tail catch up; it warms the cache by itself"
        )
    }
}
