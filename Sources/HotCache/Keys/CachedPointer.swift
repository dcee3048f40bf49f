package import Engine
internal import Redis
internal import Refold

/// What the cache says about a projection and one of its generations.
package struct CachedPointer: Sendable {
    let live: GenerationNumber?
    let revision: Int64?
    let owner: FencingValue?
    let through: Int64?
    /// For how many milliseconds `live` is there; -1 without an end, -2 when it is not.
    let ttl: Int64
    /// The answer to the call that renews it.
    let renewal: RedisReply?

    package init(live: GenerationNumber?, revision: Int64?, owner: FencingValue?, through: Int64?) {
        self.live = live
        self.revision = revision
        self.owner = owner
        self.through = through
        ttl = -2
        renewal = nil
    }

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
