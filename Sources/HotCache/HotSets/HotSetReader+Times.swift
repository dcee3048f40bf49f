internal import Engine
internal import Postgres
internal import Refold

/// What the sets of a ranking by time are to have: the groups that have one, and from which score on the keys are there.
struct TimeRanking: Sendable {
    /// The keys with a score above it are all there.
    var since: Double
    /// The groups' values that have a set, as bytes.
    var groups: Set<[UInt8]> = []
    /// There are more groups than may have a set.
    var isCrowded = false
}

/// Reading a ranking by time. All statements see one snapshot.
extension HotSetReader {
    /// What its sets are to have.
    func readTimes(
        _ ranking: HotSet.Ranking,
        within: Double,
        on connection: isolated PostgresConnection
    ) throws -> TimeRanking {
        let newest = fromRanked + counts(ranking) + " ORDER BY \(column(ranking.score)) DESC LIMIT 1"
        let score = try rows(of: connection.query(newest), encoder.encodeRanked).rows.first?.score
        var times = TimeRanking(since: HotSet.since(score ?? HotSet.noTime, within: within))
        let leftOut = fromRanked + newestMembers(ranking, since: times.since, limit: 1, after: ranking.best)
        if let first = try rows(of: connection.query(leftOut), encoder.encodeRanked).rows.first {
            times.since = max(times.since, first.score)
        }
        guard let group = ranking.group else { return times }
        let found = try connection.query(
            """
            SELECT name FROM (SELECT \(column(group)) AS name FROM \(table.quotedName) t\
            \(newestMembers(ranking, since: times.since, limit: ranking.best))) m \
            WHERE octet_length(name) <= \(HotSet.longestGroup) \
            GROUP BY name ORDER BY count(*) DESC, name COLLATE "C" LIMIT \(ranking.groups + 1)
            """
        )
        times.isCrowded = found.count > ranking.groups
        for row in 0..<min(found.count, ranking.groups) { times.groups.insert(Array(try found.text(row, 0).utf8)) }
        return times
    }

    /// Hands on its members piece by piece.
    func readMembers(
        _ ranking: HotSet.Ranking,
        since: Double,
        on connection: isolated PostgresConnection,
        _ take: @escaping @Sendable (HotRows) async throws -> Void
    ) async throws {
        let sql = fromRanked + newestMembers(ranking, since: since, limit: ranking.best)
        _ = try await read(sql, on: connection, encode: encoder.encodeRanked, take)
    }

    /// - Parameter count: how many of the newest are passed over.
    private func newestMembers(
        _ ranking: HotSet.Ranking,
        since: Double,
        limit: Int,
        after count: Int = 0
    ) -> String {
        let score = column(ranking.score)
        let bound = "timestamptz 'epoch' + \(Int64(since)) * interval '1 microsecond'"
        return counts(ranking) + " AND \(score) >= \(bound)" + descending(score) + " LIMIT \(limit) OFFSET \(count)"
    }
}
