internal import Engine
internal import Redis
internal import Timing

/// How long a generation's keys and the pointer to it last.
extension GenerationCache {
    /// Sets all keys but the rows to last, or to expire if the generation is not live.
    func keep(for ttl: Duration?) async throws { try await redis.keep(generation, of: keys, for: ttl, warnings) }

    /// Removes the generation from the cache: a miss is never wrong, a row that could not be replaced is.
    func drop() async throws {
        let call = redis[.drop].call(keys: [], arguments: [.text(base), .integer(Int64(Self.keysPerCall))])
        while try await answers([call])[0].dropFirst().first?.integerValue ?? 0 > 0 {}
    }

    /// The call that sets how long a pointer to the generation lasts.
    ///
    /// - Parameter through: what the cache has to have exactly; nil for what it has.
    func renewing(for ttl: Duration, through: Int64?) -> RedisCommand {
        redis[.renew].call(
            keys: [keys.live],
            arguments: [
                .text(base), .integer(fencingValue.rawValue), .integer(generation.rawValue),
                .integer(ttl.milliseconds),
                .text(through.map { "\($0)" } ?? ""),
            ]
        )
    }
}

/// How long the keys of any generation last, whether its projection has a hot set or not.
extension CacheConnection {
    fileprivate func keep(
        _ generation: GenerationNumber,
        of keys: CacheKeys,
        for ttl: Duration?,
        _ warnings: CacheWarnings
    ) async throws {
        var cursor: RedisArgument = "0"
        repeat {
            let call = self[.keep].call(
                keys: [keys.live],
                arguments: [
                    .text(keys.base(generation)), .text(ttl.map { "\($0.components.seconds)" } ?? ""),
                    .integer(generation.rawValue), cursor, .integer(Int64(GenerationCache.keysPerCall)),
                ]
            )
            let answer = try CacheFailure.check(await pipeline([call])[0], warnings)
            cursor = answer.dropFirst().first?.bytes.map { .bytes($0) } ?? "0"
        } while cursor != .bytes([UInt8(ascii: "0")]) && cursor != "0"
    }

    /// Lets a generation that is no longer live expire; does nothing if the cache's pointer leads to it.
    func retire(
        _ generation: GenerationNumber,
        of keys: CacheKeys,
        within ttl: Duration,
        _ warnings: CacheWarnings
    ) async throws {
        var first: Int64 = 0
        while true {
            let call = self[.retire].call(
                keys: [keys.live],
                arguments: [
                    .text(keys.base(generation)), .integer(ttl.components.seconds), .integer(generation.rawValue),
                    .integer(first),
                    .integer(Int64(GenerationCache.keysPerCall)),
                ]
            )
            let answer = try CacheFailure.check(await pipeline([call])[0], warnings)
            let count = answer.dropFirst().first?.integerValue ?? 0
            if count < GenerationCache.keysPerCall { break }
            first += count
        }
        try await keep(generation, of: keys, for: ttl, warnings)
    }
}
