import Engine
import HotCache
import Postgres
import Redis
import Refold

/// What a ranking by time has come by so far: its sets need not go further back.
struct TimesSeen {
    /// The newest time, in microseconds since 1970, one beyond tomorrow as the time of its commit.
    var newest: Double?
    /// There were more rows within the time than the ranking has places for.
    var hasOverflowed = false
}

/// Rankings by time, compared with a plain computation from the rows.
extension CacheHarness {
    /// After each commit.
    func noteTimes() async throws {
        guard let ranking = settings.ranking, let within = ranking.within else { return }
        let times = try await members(ranking).map(\.time)
        guard let newest = times.max() else { return }
        let now = Double(HotSet.now) + 946_684_800e6
        timesSeen.newest = max(timesSeen.newest ?? newest, newest > now + 86_400e6 ? now : newest)
        let bound = (timesSeen.newest ?? newest) - within / .microseconds(1)
        if times.count(where: { $0 >= bound }) > ranking.limit { timesSeen.hasOverflowed = true }
    }

    private struct Member: Hashable {
        let id: String
        let genre: String?
        let time: Double
    }

    /// The rows that count, whatever their time.
    private func members(_ ranking: HotRanking) async throws -> [Member] {
        let condition = ranking.unless.map { "\(quoteIdentifier($0)) IS NULL" } ?? "true"
        let rows = try await connection.query(
            "SELECT id, genre, (extract(epoch FROM seen) * 1000000)::float8 FROM \(table) WHERE \(condition)"
        )
        return try rows.rows.map { try Member(id: $0.text(0), genre: $0.optionalText(1), time: $0.double(2)) }
    }

    /// What is wrong with the sets of a ranking by time; nil when nothing is.
    func wrongTimes(_ ranking: HotRanking, _ keys: [String], _ redis: RedisConnection) async throws -> String? {
        let base = key("")
        guard let since = try await redis.send("GET", .text(base + "since")).text.flatMap({ Double($0) }) else {
            return "it does not say since when it is complete"
        }
        if let newest = timesSeen.newest, let within = ranking.within, !timesSeen.hasOverflowed,
            since > newest - within / .microseconds(1)
        {
            return "it is complete since \(since) only"
        }
        let rows = try await members(ranking).filter { $0.time > since }
        func expected(_ rows: [Member]) -> [String: Double] {
            Dictionary(uniqueKeysWithValues: rows.map { ($0.id, $0.time) })
        }
        func set(_ name: String) async throws -> [String: Double] {
            let found = try await redis.send("ZRANGE", .text(base + name), 0, -1, "WITHSCORES").elements ?? []
            let texts = found.compactMap(\.text)
            return Dictionary(
                uniqueKeysWithValues: stride(from: 0, to: texts.count, by: 2).map {
                    (texts[$0], Double(texts[$0 + 1]) ?? .nan)
                }
            )
        }
        let top = try await set("top")
        if top.count > ranking.limit { return "\(top.count) members" }
        if let old = top.first(where: { $0.value < since }) { return "\(old) is older than \(since)" }
        // Of those that are as old as that some may be there.
        if top.filter({ $0.value > since }) != expected(rows) { return "top is \(top), not \(rows)" }
        guard ranking.group != nil else { return nil }
        let grouped = top.isEmpty ? [] : try await members(ranking).filter { top[$0.id] != nil && $0.genre != nil }
        let names = Set(grouped.compactMap(\.genre))
        let sets = keys.filter { $0.hasPrefix(base + "genre:") }.map { String($0.dropFirst(base.count + 6)) }
        if Set(sets) != names { return "the groups are \(sets.sorted()), not \(names.sorted())" }
        for name in names {
            let (found, right) = (try await set("genre:" + name), expected(grouped.filter { $0.genre == name }))
            if found != right { return "\(name) is \(found), not \(right)" }
        }
        let known = try await redis.send("SMEMBERS", .text(base + "groups")).elements?.compactMap(\.text) ?? []
        if Set(known) != Set(names.map { "genre:" + $0 }) { return "the groups are said to be \(known)" }
        let count = try await redis.send("HLEN", .text(base + "grouped")).integerValue
        return count == Int64(grouped.count)
            ? nil : "\(count ?? -1) keys are known to be in groups, not \(grouped.count)"
    }

    /// What a reader counts in the cache, and a plain computation from the rows.
    func counts(
        after time: Timestamp
    ) async throws -> (found: CachedCountsOf?, right: CachedCountsOf) {
        let found = try await cache.counts("shelf", after: time)
        let bound = Double(time.rawValue) + 946_684_800e6
        guard let ranking = settings.ranking else { throw Failure(description: "there is no ranking") }
        let counted = try await members(ranking).filter { $0.time > bound }
        let groups = Dictionary(grouping: counted.compactMap(\.genre)) { $0 }.mapValues(\.count)
        let cached = found.map { found in
            CachedCountsOf(
                total: found.total,
                groups: found.groups.map { Dictionary(uniqueKeysWithValues: $0.map { ($0.value, $0.count) }) }
            )
        }
        let isWhole = groups.values.reduce(0, +) == counted.count
        return (cached, CachedCountsOf(total: counted.count, groups: isWhole ? groups : nil))
    }
}

/// Counts in all and by group; no groups when not every row has one.
struct CachedCountsOf: Equatable {
    let total: Int
    let groups: [String: Int]?
}
