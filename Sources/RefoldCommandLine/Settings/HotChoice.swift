internal import Engine
internal import Refold

/// What the settings say about the rows that a projection keeps in Redis; empty texts stand for what is not said.
package struct HotChoice: Sendable, Hashable {
    var by = "none"
    var column = ""
    var within: Duration = .seconds(30 * 86_400)
    var limit = 10_000
    var lifetime: Duration = .seconds(7 * 86_400)
    var rankedBy = ""
    var group = ""
    var best = 100
    var groups = 1000

    /// What `Config/refold.yaml` says too; nothing is hot of a projection that is not named there.
    static func `default`(of projection: ProjectionName) -> HotChoice {
        switch projection {
        case "user_profiles": HotChoice(by: "recent", column: "last_active")
        case "content_popularity": HotChoice(by: "top", column: "total_views")
        case "trending_score": HotChoice(by: "top", column: "score", rankedBy: "score", group: "genre")
        case "account_balances": HotChoice(by: "recent", column: "last_activity")
        case "daily_totals": HotChoice(by: "all")
        default: HotChoice()
        }
    }

    /// The same for the engine, which finds out whether the columns exist.
    var settings: HotSetSettings {
        let choice: HotSetSettings.Choice =
            switch by {
            case "recent": .recent(column: column, within: within)
            case "top": .top(column: column)
            case "all": .all
            default: .none
            }
        let ranking =
            rankedBy.isEmpty
            ? nil : HotRanking(score: rankedBy, group: group.isEmpty ? nil : group, best: best, groups: groups)
        return HotSetSettings(choice, limit: limit, lifetime: lifetime, ranking: ranking)
    }
}
