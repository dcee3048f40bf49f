internal import Refold

/// The hot rows and rankings of a table that is wholly in memory: what ``HotSetReader`` reads of one that is not.
struct HotSetSelection {
    /// The rows of the hot set, in no order.
    let hot: [ChangedRecord]
    /// The best rows by score.
    let top: [ChangedRecord]
    /// The best rows of the largest groups, group after group.
    let groups: [ChangedRecord]
    /// There are more groups than may have a set.
    let isCrowded: Bool

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
            (top, groups, isCrowded) = ([], [], false)
            return
        }
        let scored = ranked(by: encoder.score)
        top = best(ranking.best, of: scored)
        guard let group = ranking.group else {
            (groups, isCrowded) = ([], false)
            return
        }
        var members: [Text: [Ranked]] = [:]
        for row in scored where encoder.hasGroup(group, row.record) {
            members[Text(copying: row.record.bytes(group)), default: []].append(row)
            guard members.count <= Self.mostGroups else { return nil }
        }
        var largest = Array(members)
        isCrowded = largest.count > ranking.groups
        if isCrowded {
            largest.sort { ($1.value.count, $0.key) < ($0.value.count, $1.key) }
            largest.removeSubrange(ranking.groups...)
        }
        groups = largest.flatMap { best(ranking.best, of: $0.value) }
    }
}
