internal import Logging
internal import Postgres
public import Refold

extension Engine {
    /// A writer of the cache for one operation, which closes it; nil when there is no cache. Nothing is connected yet.
    func makeCacheWriter(for purpose: String) -> (any CacheWriter)? {
        cache?.makeWriter { try await connect(for: "cache \(purpose)") }
    }

    private func requireCache() throws -> any Cache {
        guard let cache else {
            throw EngineError(.setting, "there is no cache", remedy: "set redis.url (REFOLD_REDIS_URL)")
        }
        return cache
    }

    /// Lets the cache follow a pointer that has just moved. The cache is never the source: the generation's next owner
    /// repairs what fails here.
    func pointCache(of projection: any Projection, to generation: GenerationNumber) async {
        guard let writer = makeCacheWriter(for: "point") else { return }
        do {
            try await writer.point(projection.name, to: generation)
        } catch {
            logger.warning("the cache does not follow the pointer yet", metadata: ["cause": "\(error)"])
        }
        await writer.close()
    }

    /// Removes a projection's keys from the cache; a running daemon fills it again by itself.
    ///
    /// - Returns: how many keys there were.
    public func clearCache(of projection: any Projection) async throws -> Int {
        try await requireCache().clear(projection.name)
    }

    /// Puts a projection's hot rows into the cache again: by the daemon that owns the live generation, otherwise from
    /// here.
    public func warmCache(of projection: any Projection) async throws {
        let cache = try requireCache()
        try await withConnection(for: "warm") { connection in
            try await requireMigration(on: connection)
            let pointer = try await PointerStore(connection).pointer(of: projection.name)
            guard let live = pointer.live, let generation = try await GenerationStore(connection).generation(live)
            else {
                throw EngineError.nothingLive(projection.name)
            }
            guard generation.phase == .settled else { throw EngineError.unsettled(generation) }
            do {
                try await warmCache(of: generation, connection)
            } catch let error as EngineError {
                guard error.code == .owned else { throw error }
                let isWarm = try await cache.requestWarming(projection.name, on: connection, within: .seconds(10))
                guard isWarm else { throw error }
            }
        }
    }

    private func warmCache(of generation: Generation, _ connection: PostgresConnection) async throws {
        try await withLease { keeper in
            let owned = try await keeper.acquire(generation, on: connection)
            guard let writer = makeCacheWriter(for: "warm") else { return }
            do {
                try await writer.warm(
                    generation.projection,
                    generation: generation.number,
                    fencingValue: owned.fencingValue
                )
                let isPointed = try await writer.point(generation.projection, to: generation.number)
                guard isPointed else { throw EngineError.notPointed(generation) }
            } catch {
                await writer.close()
                throw error
            }
            await writer.close()
        }
    }
}

extension EngineError {
    static func nothingLive(_ projection: ProjectionName) -> EngineError {
        EngineError(
            .nothingLive,
            projection: projection,
            "\(projection) has no live generation yet",
            remedy: "run \(Program.name) rebuild \(projection) or \(Program.name) tail"
        )
    }

    fileprivate static func notPointed(_ generation: Generation) -> EngineError {
        EngineError(
            .notPointed,
            projection: generation.projection,
            "generation \(generation.number) of \(generation.projection) was warmed, but the cache's pointer does not lead to it: a pointer moved meanwhile",
            remedy: "run it again; a running daemon moves the cache's pointer by itself"
        )
    }

    static func unsettled(_ generation: Generation) -> EngineError {
        EngineError(
            .unsettled,
            projection: generation.projection,
            "the live generation \(generation.number) of \(generation.projection) is still empty: it is being built",
            remedy: "let \(Program.name) tail catch up; it warms the cache by itself"
        )
    }
}
