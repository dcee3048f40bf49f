internal import Engine
package import Refold

/// A projection's hot set with its columns found: what `HotSetSettings` mean for this projection.
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

    var definition: TableDefinition { model.tables[table] }

    /// What the key of a group's set begins with, before the group's value, which is bytes; nil for no such sets.
    let groupPrefix: [UInt8]?

    /// How long a row stays, in seconds: ten years at most, since the server refuses times near the end of its range.
    var ttlSeconds: Int64 { min(settings.ttl.components.seconds, 10 * 365 * 86_400) }

    /// A group whose value is longer has no set: it would be the name of a key.
    static let longestGroup = 1024

    /// The time in the unit of a timestamp column, microseconds since 2000-01-01 UTC.
    package static var now: Int64 { Timestamp.now().rawValue }

    /// Times beyond this count as now.
    static let tomorrow: Int64 = 86_400_000_000

    /// - Returns: nil when nothing of the projection is cached.
    /// - Throws: `EngineError.Code.setting` when a column is missing or of a type that does not fit.
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
            try Self.column(wanted, of: name, setting, columns) { types.contains($0.type) }
        }
        guard settings.limit >= 1 else { throw Self.unusable(name, "hot.limit", "it is below 1") }
        guard settings.ttl >= .seconds(1) else { throw Self.unusable(name, "hot.ttl", "it is below a second") }
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
        ranking = try settings.ranking.map { try Ranking($0, of: name, columns) }
        groupPrefix = ranking?.group.map { Array((columns[$0].name + ":").utf8) }
    }

    /// Types whose values have an order that a number can tell.
    static let ordered: Set<ColumnType> = [.integer, .double, .timestamp, .decimal, .date]

    /// The column that a setting names, if it fits.
    static func column(
        _ wanted: String,
        of projection: ProjectionName,
        _ setting: String,
        _ columns: [ColumnDefinition],
        _ fits: (ColumnDefinition) -> Bool
    ) throws -> Int {
        guard let index = columns.firstIndex(where: { $0.name == wanted && fits($0) }) else {
            let fitting = columns.filter(fits).map(\.name).joined(separator: ", ")
            let reason =
                "\"\(wanted)\" is not among the columns that fit: \(fitting.isEmpty ? "there is none" : fitting)"
            throw unusable(projection, setting, reason)
        }
        return index
    }

    static func unusable(_ name: ProjectionName, _ setting: String, _ reason: String) -> EngineError {
        EngineError(
            .setting,
            projection: name,
            "projections.\(name).\(setting) cannot be used: \(reason)",
            remedy: "correct it in the configuration"
        )
    }
}
