internal import Refold

/// The hot rows and rankings of a table that is wholly in memory: what ``HotSetReader`` reads of one that is not.
struct HotSetSelection {
    /// The rows of the hot set, in no order.
    let hot: [ChangedRecord]
    /// The best rows by score.
    let top: [ChangedRecord]
    /// The best rows of every group.
    let groups: [ChangedRecord]

    private typealias Ranked = (value: Double, record: ChangedRecord)

    init(_ hotSet: HotSet, from records: [ChangedRecord], encoder: HotRowEncoder) {
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
            candidates.removeAll { $0.value < newest - within }
        }
        hot = best(hotSet.settings.limit, of: candidates)

        guard let ranking = hotSet.ranking else {
            (top, groups) = ([], [])
            return
        }
        let scored = ranked(by: encoder.score)
        top = best(ranking.best, of: scored)
        guard let group = ranking.group else {
            groups = []
            return
        }
        let grouped = scored.filter { !encoder.isNull(group, in: $0.record) }
        let members = Dictionary(grouping: grouped) { Text(copying: $0.record.bytes(group)) }
        groups = members.values.flatMap { best(ranking.best, of: $0) }
    }
}
