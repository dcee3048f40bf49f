package import Engine
internal import Postgres
internal import Refold

/// What PostgreSQL says about a projection and one of its generations.
package struct LivePointer: Sendable {
    let live: GenerationNumber?
    /// The one before, for rollback.
    let kept: GenerationNumber?
    let revision: Int64
    /// The generation's checkpoint, and its owner's fencing value.
    let position: Int64
    let fencingValue: FencingValue

    package init(
        live: GenerationNumber?,
        kept: GenerationNumber? = nil,
        revision: Int64,
        position: Int64,
        fencingValue: FencingValue
    ) {
        self.live = live
        self.kept = kept
        self.revision = revision
        self.position = position
        self.fencingValue = fencingValue
    }

    /// Reads the pointer, and then the checkpoint: a move between the two changes the fencing value, which the generation's
    /// owner notices, and the position is at or past everything that readers saw when the pointer was read.
    ///
    /// - Throws: ``LeaseLost`` when the generation was dropped.
    init(
        of projection: ProjectionName,
        checkpointOf generation: GenerationNumber,
        on connection: PostgresConnection
    ) async throws {
        let pointer = try await PointerStore(connection).pointer(of: projection)
        let checkpoint = try await CheckpointStore(connection).lease(of: generation)
        live = pointer.live
        kept = pointer.kept
        revision = pointer.revision
        position = checkpoint.position.rawValue
        fencingValue = checkpoint.fencingValue
    }
}

/// Another process owns the generation in PostgreSQL.
package struct LeaseLost: Error {
    package init() {}
}

extension CheckpointStore {
    /// A generation's position, and the fencing value of its owner.
    ///
    /// - Throws: ``LeaseLost`` when it was dropped.
    func lease(of generation: GenerationNumber) async throws -> Checkpoint {
        guard let checkpoint = try await checkpoint(of: generation) else { throw LeaseLost() }
        return checkpoint
    }
}
