package import EventStore
package import Refold

/// One complete copy of a projection's read model, as `refold.generations` has it.
package struct Generation: Sendable {
    /// Never used twice.
    package let number: GenerationNumber
    package let projection: ProjectionName
    package let version: Int
    package var identity: String
    /// The log it is folded from; nil for one that predates the distinction of logs, which takes the present one.
    package var log: LogID?
    /// The first position that held an event when it was begun; nil when there was none, and for one that predates this
    /// record.
    package var firstEvent: GlobalPosition?
    package var state: GenerationState
    package var phase: GenerationPhase

    package func tables(of projection: any Projection) -> [GenerationTable] {
        projection.model.tables.map { GenerationTable($0, generation: number) }
    }
}

/// How far a generation has come.
public enum GenerationState: String, Sendable {
    /// Being folded for the first time.
    case building
    /// Folded, but the pointer moved meanwhile: the next rebuild only points.
    case ready
    /// Live now, or kept for rollback.
    case pointed
    /// To be dropped once nobody can see it.
    case retired
}

/// In which form the rows of a generation are stored.
public enum GenerationPhase: String, Sendable {
    /// Row versions are appended to tables without key; everything that exists is in memory.
    case memory
    /// Keyed tables whose rows are replaced.
    case settled
}
