public import Refold

/// One complete copy of a projection's read model, as `refold.generations` has it.
package struct Generation: Sendable {
    /// Never used twice.
    package let number: Int64
    package let projection: ProjectionName
    package let version: Int
    package let identity: String
    package var state: State
    package var phase: Phase

    package enum State: String, Sendable {
        /// Being folded for the first time.
        case building
        /// Folded, but the pointer moved meanwhile: the next rebuild only points.
        case ready
        /// Live now, or kept for rollback.
        case pointed
        /// To be dropped once nobody can see it.
        case retired
    }

    package enum Phase: String, Sendable {
        /// Row versions are appended to tables without key; everything that exists is in memory.
        case memory
        /// Keyed tables whose rows are replaced.
        case settled
    }

    package func tables(of projection: any Projection) -> [GenerationTable] {
        projection.model.tables.map { GenerationTable($0, generation: number) }
    }
}

/// Which generation of a projection is live, as `refold.projections` has it.
package struct Pointer: Sendable {
    package let live: Int64?
    package let kept: Int64?
    /// Raised at every move: whoever points states the revision it knew.
    package let revision: Int64
}

/// A generation taken for writing: who commits states the epoch.
package struct Claim: Sendable {
    package let epoch: Int64
    package let position: GlobalPosition
}

/// The process that owns a generation.
public struct Owner: Sendable, Hashable {
    /// Name of the machine.
    public let host: String
    /// Process id there.
    public let pid: Int32
    /// When it took the generation, microseconds since 2000-01-01 UTC; nil for this process.
    public let since: Timestamp?

    package init(host: String, pid: Int32, since: Timestamp?) {
        self.host = host
        self.pid = pid
        self.since = since
    }
}

extension Projection {
    /// Hash of all that a generation must agree on to be gone on with: the tables, the settings and the store.
    package func identity(store: String) -> String {
        let tables = model.tables.map { table in
            let key = table.key.map { "\($0.name) \($0.type)" }
            let columns = table.columns.map { "\($0.name) \($0.type) \($0.isNullable) \($0.isPublic)" }
            return "\(table.name)(\((key + columns).joined(separator: ",")))"
        }
        let settings = settings.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        return StableHash.hex((["v\(version)", store] + tables + settings).joined(separator: ";"))
    }
}
