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
        for (reply, name) in zip(replies, names) where !reply.isNull && Self.number(reply) == nil {
            if let refusal = reply.error, refusal.code != "WRONGTYPE" { throw CacheFailure.refused(refusal) }
            // Not ours, and in the way: without it the key counts as missing.
            try await redis.send(RedisCommand("UNLINK", [name]))
            warnings.removed([name.bytes])
        }
        live = Self.number(replies[0]).map { GenerationNumber($0) }
        revision = Self.number(replies[1])
        owner = Self.number(replies[2]).map { FencingValue($0) }
        through = Self.number(replies[3])
        ttl = replies[4].integerValue ?? -2
        renewal = renewing == nil ? nil : replies[5]
    }

    /// A number as we write it. The scripts compare the texts, so another spelling of it is not ours.
    private static func number(_ reply: RedisReply) -> Int64? {
        reply.integerValue.flatMap { "\($0)" == reply.text ? $0 : nil }
    }
}
