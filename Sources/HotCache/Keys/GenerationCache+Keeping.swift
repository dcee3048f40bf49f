internal import Engine
internal import Redis
internal import Timing

/// How long a generation's keys and the pointer to it last.
extension GenerationCache {
    /// Sets all keys but the rows to last, or to expire if the generation is not live.
    func keep(for ttl: Duration?) async throws { try await keep(generation, for: ttl) }

    private func keep(_ number: GenerationNumber, for ttl: Duration?) async throws {
        var cursor: RedisArgument = "0"
        repeat {
            let call = redis[.keep].call(
                keys: [keys.live],
                arguments: [
                    .text(keys.base(number)), .text(ttl.map { "\($0.components.seconds)" } ?? ""),
                    .integer(number.rawValue), cursor, .integer(Int64(Self.keysPerCall)),
                ]
            )
            cursor = try await answers([call])[0].dropFirst().first?.bytes.map { .bytes($0) } ?? "0"
        } while cursor != .bytes([UInt8(ascii: "0")]) && cursor != "0"
    }

    /// Lets another generation of the projection expire, unless it is live.
    func retire(_ other: GenerationNumber, within ttl: Duration) async throws {
        var first: Int64 = 0
        while true {
            let call = redis[.retire].call(
                keys: [keys.live],
                arguments: [
                    .text(keys.base(other)), .integer(ttl.components.seconds), .integer(other.rawValue),
                    .integer(first),
                    .integer(Int64(Self.keysPerCall)),
                ]
            )
            let count = try await answers([call])[0].dropFirst().first?.integerValue ?? 0
            if count < Self.keysPerCall { break }
            first += count
        }
        try await keep(other, for: ttl)
    }

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
