internal import Refold

/// The hot rows and rankings of a table that is wholly in memory: what ``HotSetReader`` reads of one that is not.
struct HotSetSelection {
    /// The rows of the hot set, in no order.
    let hot: [ChangedRecord]
    /// The best rows by score; of a ranking by time all members, in no order.
    let top: [ChangedRecord]
    /// The best rows of the largest groups, group after group; none of a ranking by time, whose members are in `top`.
    let groups: [ChangedRecord]
    /// There are more groups than may have a set.
    let isCrowded: Bool
    /// What the sets of a ranking by time are to have; nil for another ranking.
    let times: TimeRanking?

    private typealias Ranked = (value: Double, record: ChangedRecord)

    /// How much counting the rows of each group may keep in memory.
    private static let mostGroups = 100_000

    /// - Returns: nil for a table with so many groups that finding the largest takes memory that a rebuild does not
    ///   have: the database finds them later.
    init?(_ hotSet: HotSet, from records: [ChangedRecord], encoder: HotRowEncoder) {
        /// The rows with the greatest values; of equal ones the last by the bytes of the key, as in the cache's sorted sets.
        func best(_ count: Int, of rows: [Ranked]) -> [ChangedRecord] {
            guard rows.count > count else { return rows.map(\.record) }
            // Only those that have the last value that is good enough have to be compared by their keys.
            let least = rows.map(\.value).sorted(by: >)[count - 1]
            let better = rows.filter { $0.value > least }.map(\.record)
            let equal = rows.filter { $0.value == least }.map { (key: encoder.keyText($0.record), record: $0.record) }
            let last = equal.sorted { $1.key.lexicographicallyPrecedes($0.key) }
            return better + last.prefix(count - better.count).map(\.record)
        }
        func ranked(by value: (ChangedRecord) -> Double) -> [Ranked] {
            records.map { (value($0), $0) }.filter { !$0.value.isNaN }
        }

        var candidates = ranked(by: encoder.order)
        if let within = hotSet.within, let newest = candidates.lazy.map(\.value).max() {
            let now = HotSet.now
            let bound = (newest > Double(now + HotSet.tomorrow) ? Double(now) : newest) - within
            candidates.removeAll { $0.value < bound }
        }
        hot = best(hotSet.settings.limit, of: candidates)

        guard let ranking = hotSet.ranking else {
            (top, groups, isCrowded, times) = ([], [], false, nil)
            return
        }
        /// The rows that are recent enough, and from which score on they are all there.
        func newest(_ rows: [Ranked], within: Double) -> (rows: [Ranked], since: Double) {
            let since = HotSet.since(rows.lazy.map(\.value).max() ?? HotSet.noTime, within: within)
            let recent = rows.filter { $0.value >= since }
            guard recent.count > ranking.best else { return (recent, since) }
            let firstLeftOut = recent.map(\.value).sorted(by: >)[ranking.best]
            return (best(ranking.best, of: recent).map { (encoder.score($0), $0) }, firstLeftOut)
        }
        var scored = ranked(by: encoder.score)
        var since: Double?
        if let within = ranking.within { (scored, since) = newest(scored, within: within) }
        top = best(ranking.best, of: scored)
        guard let largest = Self.largestGroups(of: ranking, scored, encoder) else { return nil }
        isCrowded = largest.isCrowded
        groups = since == nil ? largest.groups.flatMap { best(ranking.best, of: $0.rows) } : []
        times = since.map { since in
            let names = largest.groups.map { $0.name.withBytes { Array($0) } }
            return TimeRanking(since: since, groups: Set(names), isCrowded: largest.isCrowded)
        }
    }

    /// The groups that have a set, with their rows; nil when there are too many to be counted.
    private static func largestGroups(
        of ranking: HotSet.Ranking,
        _ rows: [Ranked],
        _ encoder: HotRowEncoder
    ) -> (groups: [(name: Text, rows: [Ranked])], isCrowded: Bool)? {
        guard let group = ranking.group else { return ([], false) }
        var members: [Text: [Ranked]] = [:]
        for row in rows where encoder.hasGroup(group, row.record) {
            members[Text(copying: row.record.bytes(group)), default: []].append(row)
            guard members.count <= mostGroups else { return nil }
        }
        var largest = members.map { (name: $0.key, rows: $0.value) }
        guard largest.count > ranking.groups else { return (largest, false) }
        largest.sort { ($1.rows.count, $0.name) < ($0.rows.count, $1.name) }
        largest.removeSubrange(ranking.groups...)
        return (largest, true)
    }
}
