package import Engine
internal import Logging
internal import Postgres
internal import Redis
package import Refold
internal import Timing

/// What building a generation and moving PostgreSQL's pointer to it need of the cache.
extension RedisCacheWriter {
    /// How long what was warmed stays if nobody ever points at it.
    private static let unpointedTTL: Duration = .seconds(86_400)

    package func preload(
        _ projection: ProjectionName,
        generation: GenerationNumber,
        fencingValue: FencingValue,
        from tables: [BorrowedRows],
        at position: GlobalPosition
    ) async -> PreloadResult {
        guard let hotSet = cache.hotSets[projection] else { return .sent }
        queue.follow(hotSet, generation: generation, fencingValue: fencingValue)
        do {
            let table = tables[hotSet.table]
            let sent = try await directly(generation) {
                try await $0.preload(table, at: position, for: Self.unpointedTTL)
            }
            guard let rows = sent ?? nil else { return .skipped }
            preloaded[generation] = rows
            return .sent
        } catch let error as RedisError where error.endsConnection {
            cache.logger.warning("the cache could not be warmed", metadata: ["cause": "\(error)"])
            return .unreachable
        } catch {
            cache.logger.debug("the cache could not be filled ahead", metadata: ["cause": "\(error)"])
            return .skipped
        }
    }

    /// Windows that commit between this and ``point(_:to:)`` are queued if they are encoded, and read from the database if
    /// not. What was preloaded and is committed now is not sent again.
    @discardableResult
    package func warm(
        _ projection: ProjectionName,
        generation: GenerationNumber,
        fencingValue: FencingValue
    ) async throws -> WarmResult? {
        guard let hotSet = cache.hotSets[projection] else { return nil }
        if let rows = preloaded.removeValue(forKey: generation), rows.fencingValue == fencingValue,
            rows.losses == queue.losses,
            let result = try await directly(generation, { try await $0.confirm(rows, for: Self.unpointedTTL) }) ?? nil
        {
            return result
        }
        queue.follow(hotSet, generation: generation, fencingValue: fencingValue)
        return try await directly(generation) { try await $0.warm(for: Self.unpointedTTL) }
    }

    /// The pointer lasts for ``CacheSettings/restTTL`` unless an owner shortens its time and renews it. That of a
    /// projection without a hot set is removed.
    @discardableResult
    package func point(_ projection: ProjectionName, to generation: GenerationNumber) async throws -> Bool {
        guard let hotSet = cache.hotSets[projection] else {
            queue.leaveUncached(projection, generation)
            try await exclusively { try await $0.pointers.removeUncached($0.connections.openRedis()) }
            return true
        }
        if queue.followed(generation) == nil { queue.follow(hotSet, generation: generation, fencingValue: 0) }
        defer { queue.leave(generation) }
        let pointers = pointers
        return try await directly(generation) { try await $0.point(pointers) } ?? false
    }

    /// Runs a body on an open connection, when it is its turn, and records what goes wrong.
    private func directly<R: Sendable>(
        _ generation: GenerationNumber,
        _ body: @Sendable (GenerationHealer) async throws -> R
    ) async throws -> R? {
        try await exclusively { writer in
            guard let followed = writer.queue.followed(generation) else { return nil }
            do {
                let redis = try await writer.connections.openRedis()
                try await writer.pointers.removeDistrusted(redis)
                let healer = writer.healing.healer(of: followed, redis)
                do {
                    return try await body(healer)
                } catch CacheFailure.odd {
                    // Keys of another type were in the way; they are gone.
                    return try await body(healer)
                }
            } catch {
                writer.troubles.note("\(error)", of: followed.hotSet.projection)
                if let error = error as? RedisError, error.endsConnection { await writer.connections.lost(error) }
                throw error
            }
        }
    }
}
