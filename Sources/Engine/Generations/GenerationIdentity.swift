package import Refold

/// What a generation and a projection must agree on for the generation to be resumed: a hash of the tables, of the
/// settings that change the fold, and of the store.
///
/// The policy for refused events is not part of it: a generation's dead letters say which events it left out.
package struct GenerationIdentity: Sendable, Hashable {
    /// As `refold.generations` has it: the number of the format, a colon, the hash.
    package let text: String
    /// How former formats wrote it: format 1 had no number, and included the policy.
    private let former: Set<String>

    /// - Parameter store: schema and table of the events.
    package init(of projection: any Projection, store: String) {
        text = "2:" + Self.hash(projection, store)
        former = Set(["stop", "skip"].map { Self.hash(projection, "\(store) \($0)") })
    }

    /// How a stored identity relates to this one.
    package enum Match: Sendable {
        case same
        /// The same, written in an older format.
        case former
        case other
    }

    package func match(_ stored: String) -> Match {
        if stored == text { return .same }
        return former.contains(stored) ? .former : .other
    }

    private static func hash(_ projection: any Projection, _ store: String) -> String {
        let tables = projection.model.tables.map { table in
            let key = table.key.map { "\($0.name) \($0.type)" }
            let columns = table.columns.map { "\($0.name) \($0.type) \($0.isNullable) \($0.isPublic)" }
            let indexes = table.indexes.map { "index \($0.joined(separator: " "))" }
            return "\(table.name)(\((key + columns + indexes).joined(separator: ",")))"
        }
        let settings = projection.settings.filter(\.changesFold).sorted { $0.name < $1.name }.map(\.identity)
        return StableHash.hex((["v\(projection.version)", store] + tables + settings).joined(separator: ";"))
    }
}
