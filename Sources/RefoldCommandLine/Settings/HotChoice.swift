internal import Refold

/// What the settings say about the rows that a projection keeps in Redis, key by key; empty texts stand for keys that
/// are not set. One key keeps its value when another one changes: with `by: all`, `column` is still there.
package struct HotChoice: Sendable, Hashable {
    var by = "none"
    var column = ""
    var within: Duration = .days(30)
    var limit: Int
    var ttl: Duration
    var rankedBy = ""
    var group = ""
    var best: Int
    var groups: Int
    var unless = ""
    /// Nil for a ranking of the best.
    var rankedWithin: Duration?
    var rankedLimit: Int
    /// Whether the projection's default has a ranking: without a column it is turned off then, rather than incomplete.
    private let isRankedByDefault: Bool

    /// What a projection states as its default.
    init(_ settings: HotSetSettings) {
        switch settings.choice {
        case .none: break
        case .all: by = "all"
        case .recent(let column, let within): (by, self.column, self.within) = ("recent", column, within)
        case .top(let column): (by, self.column) = ("top", column)
        }
        (limit, ttl) = (settings.limit, settings.ttl)
        let ranking = settings.ranking ?? HotRanking(score: "")
        (rankedBy, group) = (ranking.score, ranking.group ?? "")
        (best, groups) = (ranking.best, ranking.groups)
        (unless, rankedWithin, rankedLimit) = (ranking.unless ?? "", ranking.within, ranking.limit)
        isRankedByDefault = settings.ranking != nil
    }

    /// The same for the cache, which checks whether the columns exist.
    var settings: HotSetSettings {
        let choice: HotSetSettings.Choice =
            switch by {
            case "recent": .recent(column: column, within: within)
            case "top": .top(column: column)
            case "all": .all
            default: .none
            }
        return HotSetSettings(choice, limit: limit, ttl: ttl, ranking: ranking)
    }

    private var ranking: HotRanking? {
        // Where the default has none, a part of a ranking without its column is a mistake that the cache tells of.
        let isOff = rankedBy.isEmpty && (isRankedByDefault || (rankedWithin == nil && unless.isEmpty))
        guard !isOff else { return nil }
        return HotRanking(
            score: rankedBy,
            group: group.isEmpty ? nil : group,
            unless: unless.isEmpty ? nil : unless,
            best: best,
            groups: groups,
            within: rankedWithin,
            limit: rankedLimit
        )
    }
}
