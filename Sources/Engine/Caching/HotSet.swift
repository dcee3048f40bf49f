package import Refold

/// A projection's hot set with its columns found: what ``HotSetSettings`` mean for this projection.
package struct HotSet: Sendable {
    package let projection: ProjectionName
    let model: ReadModel
    /// Index of the cached table in the model.
    let table: Int
    let settings: HotSetSettings
    /// The column that orders the hot rows; nil for their positions.
    let order: Int?
    /// How much less than the greatest value the column may have, in its own unit; nil for no bound.
    let within: Double?
    let ranking: Ranking?

    struct Ranking: Sendable {
        let score: Int
        let group: Int?
        let best: Int
    }

    var definition: TableDefinition { model.tables[table] }

    /// What the key of a group's set begins with, before the group's value; nil for no such sets.
    var groupPrefix: String? { ranking?.group.map { definition.columns[$0].name + ":" } }

    /// How long a row stays, in seconds.
    var lifetimeSeconds: Int64 { settings.lifetime.components.seconds }

    /// - Returns: nil when nothing of the projection is cached.
    /// - Throws: ``EngineError/Code/setting`` when a column is missing or of a type that does not fit.
    package init?(_ settings: HotSetSettings, of projection: any Projection) throws {
        guard settings.choice != .none else { return nil }
        let name = projection.name
        self.projection = name
        self.settings = settings
        model = projection.model
        guard let table = model.tables.firstIndex(where: \.isPublic) else {
            throw Self.unusable(name, "hot.by", "the projection has no public table")
        }
        self.table = table
        let columns = model.tables[table].columns
        func column(_ wanted: String, _ setting: String, _ types: Set<ColumnType>) throws -> Int {
            guard let index = columns.firstIndex(where: { $0.name == wanted }), types.contains(columns[index].type)
            else {
                let fitting = columns.filter { types.contains($0.type) }.map(\.name).joined(separator: ", ")
                throw Self.unusable(name, setting, "\"\(wanted)\" is not among the columns that fit: \(fitting)")
            }
            return index
        }
        guard settings.limit >= 1 else { throw Self.unusable(name, "hot.limit", "it is below 1") }
        guard settings.lifetime >= .seconds(1) else { throw Self.unusable(name, "hot.ttl", "it is below a second") }
        switch settings.choice {
        case .none, .all:
            (order, within) = (nil, nil)
        case .recent(let wanted, let within):
            guard within > .zero else { throw Self.unusable(name, "hot.within", "it is not above zero") }
            order = try column(wanted, "hot.column", [.timestamp])
            self.within = within / .microseconds(1)
        case .top(let wanted):
            order = try column(wanted, "hot.column", Self.ordered)
            within = nil
        }
        ranking = try settings.ranking.map { ranking in
            guard ranking.best >= 1 else { throw Self.unusable(name, "hot.ranking", "it has no places") }
            // The rows have this place among the keys.
            guard ranking.group != "row" else { throw Self.unusable(name, "hot.ranking", "a group cannot be \"row\"") }
            return Ranking(
                score: try column(ranking.score, "hot.ranking", Self.ordered),
                group: try ranking.group.map { try column($0, "hot.ranking", [.text]) },
                best: ranking.best
            )
        }
    }

    /// Types whose values have an order that a number can tell.
    private static let ordered: Set<ColumnType> = [.integer, .double, .timestamp, .decimal, .date]

    private static func unusable(_ name: ProjectionName, _ setting: String, _ reason: String) -> EngineError {
        EngineError(
            .setting,
            projection: name,
            "projections.\(name).\(setting) cannot be used: \(reason)",
            remedy: "correct it in the configuration"
        )
    }
}
