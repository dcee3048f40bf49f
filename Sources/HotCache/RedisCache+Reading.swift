package import Engine
internal import Redis
package import Refold

/// What a reader asks the cache.
extension RedisCache {
    /// More groups than these are not counted in one step of the server.
    private static let mostCountedGroups: Int64 = 1000

    /// First the live generation, then the rows.
    package func rows(_ projection: ProjectionName, keys wanted: [String]) async throws -> [CachedRow?] {
        let keys = server.keys(projection)
        return try await server.reading { redis in
            guard let number = try await redis.send(RedisCommand("GET", [keys.live])).integerValue, !wanted.isEmpty
            else { return wanted.map { _ in nil } }
            let live = GenerationNumber(number)
            let found = try await redis.send(RedisCommand("MGET", wanted.map { keys.row(live, $0) })).elements ?? []
            return wanted.indices.map { index in
                let json = index < found.count ? found[index].bytes : nil
                return json.map { CachedRow(generation: live, json: $0) }
            }
        }
    }

    /// In one step of the server, so that the sets are of one moment.
    package func counts(_ projection: ProjectionName, after time: Timestamp) async throws -> CachedCounts? {
        guard let hotSet = hotSets[projection], hotSet.ranking?.isByTime ?? false else { return nil }
        let (since, hasOverflowed) = time.rawValue.addingReportingOverflow(HotSet.epoch)
        guard !hasOverflowed else { return nil }
        let keys = server.keys(projection)
        let answer = try await server.reading { redis in
            try await redis.send(
                RedisCommand(
                    "EVAL",
                    [
                        .text(CacheScript.count.source), 1, keys.live, .text(keys.base), .integer(since),
                        .integer(Self.mostCountedGroups),
                    ]
                )
            ).elements ?? []
        }
        guard answer.count >= 2, let live = answer[0].integerValue, let total = answer[1].integerValue else {
            return nil
        }
        return CachedCounts(
            generation: GenerationNumber(live),
            total: Int(total),
            groups: groups(answer.dropFirst(2), adding: total, prefix: hotSet.groupPrefix)
        )
    }

    /// The groups in the answer; nil when they are not all that there is.
    ///
    /// - Parameter answer: how many groups there are, then name and count of each.
    private func groups(
        _ answer: ArraySlice<RedisReply>,
        adding total: Int64,
        prefix: [UInt8]?
    ) -> [CachedCounts.Group]? {
        guard let prefix, !answer.isEmpty else { return nil }
        let pairs = Array(answer.dropFirst())
        let groups = stride(from: 0, to: pairs.count - 1, by: 2).compactMap { index -> CachedCounts.Group? in
            guard let name = pairs[index].bytes, let count = pairs[index + 1].integerValue, count > 0 else {
                return nil
            }
            return CachedCounts.Group(
                value: String(decoding: name.dropFirst(prefix.count), as: UTF8.self),
                count: Int(count)
            )
        }
        return groups.reduce(0) { $0 + $1.count } == Int(total) ? groups : nil
    }
}
