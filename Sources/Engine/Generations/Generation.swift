package import EventStore
public import Refold

/// One complete copy of a projection's read model, as `refold.generations` has it.
package struct Generation: Sendable {
    /// Never used twice.
    package let number: GenerationNumber
    package let projection: ProjectionName
    package let version: Int
    package var identity: String
    /// The log it is folded from; nil for one of before logs were told apart, which takes the present one.
    package var log: LogID?
    /// The first position that held an event when it was begun; nil when there was none, and for one of before this was
    /// noted down.
    package var firstEvent: GlobalPosition?
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
    package let live: GenerationNumber?
    package let kept: GenerationNumber?
    /// Raised at every move: whoever points states the revision it knew.
    package let revision: Int64
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
