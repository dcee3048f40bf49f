internal import Engine
internal import Postgres
internal import Redis
internal import Refold

/// What the cache says about a projection and one of its generations.
struct CachedPointer: Sendable {
    let live: GenerationNumber?
    let revision: Int64?
    let owner: FencingValue?
    let through: Int64?
    /// For how many milliseconds `live` is there; -1 without an end, -2 when it is not.
    let ttl: Int64
    /// The answer to the call that renews it.
    let renewal: RedisReply?

    /// Reads it, with one question to the server.
    ///
    /// - Parameter renewing: a call of a script that is sent along.
    init(
        _ keys: CacheKeys,
        _ generation: GenerationNumber,
        from redis: CacheConnection,
        warnings: CacheWarnings,
        renewing: RedisCommand? = nil
    ) async throws {
        let names = [keys.live, keys.revision, keys.key(generation, "owner"), keys.key(generation, "through")]
        var commands = names.map { RedisCommand("GET", [$0]) }
        commands.append(RedisCommand("PTTL", [keys.live]))
        if let renewing { commands.append(renewing) }
        let replies = try await redis.pipeline(commands)
        for (reply, name) in zip(replies, names) {
            guard let refusal = reply.error else { continue }
            guard refusal.code == "WRONGTYPE" else { throw CacheFailure.refused(refusal) }
            // Not ours, and in the way: without it the key counts as missing.
            try await redis.send(RedisCommand("UNLINK", [name]))
            warnings.removed([name.bytes])
        }
        live = replies[0].integerValue.map { GenerationNumber($0) }
        revision = replies[1].integerValue
        owner = replies[2].integerValue.map { FencingValue($0) }
        through = replies[3].integerValue
        ttl = replies[4].integerValue ?? -2
        renewal = renewing == nil ? nil : replies[5]
    }
}

/// What PostgreSQL says about a projection and one of its generations.
struct LivePointer: Sendable {
    let live: GenerationNumber?
    let revision: Int64
    /// The generation's checkpoint, and its owner's fencing value.
    let position: Int64
    let fencingValue: FencingValue
}

/// Somebody else owns the generation in PostgreSQL.
struct LeaseLost: Error {}

extension PostgresConnection {
    /// The live generation; nil when there is none.
    func liveGeneration(of projection: ProjectionName) throws -> GenerationNumber? {
        let result = try query("SELECT live FROM refold.projections WHERE name = $1", [.text(projection.rawValue)])
        return try result.rows.first?.optionalInt64("live").map { GenerationNumber($0) }
    }

    /// The pointer and the generation's checkpoint, of one moment.
    func livePointer(of projection: ProjectionName, checkpointOf generation: GenerationNumber) throws -> LivePointer {
        let row = try query(
            """
            SELECT p.live, p.revision, c.position, c.fencing_value FROM refold.projections p, refold.checkpoints c
             WHERE p.name = $1 AND c.generation = $2
            """,
            [.text(projection.rawValue), .int64(generation.rawValue)]
        ).rows.first
        guard let row else { throw LeaseLost() }
        return LivePointer(
            live: try row.optionalInt64("live").map { GenerationNumber($0) },
            revision: try row.int64("revision"),
            position: try row.int64("position"),
            fencingValue: FencingValue(try row.int64("fencing_value"))
        )
    }

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
