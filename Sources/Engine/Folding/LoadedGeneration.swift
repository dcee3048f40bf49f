internal import Postgres
package import Refold

/// A generation that was acquired, with what it needs in memory.
package struct LoadedGeneration {
    let rows: ResidentRows
    /// How it is written from here on.
    let phase: GenerationPhase
    /// Windows were appended to its version tables before.
    let hasVersionTables: Bool

    /// Loads what must be in memory: all rows of a generation that is built in memory. When they do not fit the budget,
    /// they are settled and loaded as they are needed.
    ///
    /// - Parameters:
    ///   - emits: what is kept of what events emit; nil for a projection that emits nothing.
    ///   - cache: follows a live generation whose tables can be read.
    package static func load(
        _ model: ReadModel,
        over writer: GenerationWriter,
        emits: EmissionScope? = nil,
        _ budget: MemoryBudget,
        _ cache: (any CacheFollower)?
    ) async throws -> sending LoadedGeneration {
        let generation = writer.generation
        let isLive = generation.state == .pointed
        // At position 0 no row exists.
        let isEmpty = writer.owned.position == .zero
        let rows = ResidentRows(model, of: generation.number, isEmpty: isEmpty, emits: emits, budget: budget)
        if generation.phase == .memory {
            let hasVersions = try await writer.hasVersions()
            let areLoaded = if isEmpty { true } else { try await rows.loadAll(from: writer) }
            if areLoaded { return LoadedGeneration(rows: rows, phase: .memory, hasVersionTables: hasVersions) }
            try await writer.settleVersions(attaches: isLive)
        } else if isLive {
            // An older version may have settled it and been killed before attaching it.
            try await ReadModelTables(writer.connection).attach(writer.tables)
            try await GenerationStore(writer.connection).setReadable(generation.number)
        }
        if isLive { cache?.follow(writer) }
        return LoadedGeneration(rows: rows, phase: .settled, hasVersionTables: false)
    }
}

extension CacheFollower {
    /// The view shows the tables of the writer's generation, which is live: the cache follows it.
    func follow(_ writer: GenerationWriter) {
        let generation = writer.generation
        follow(generation.number, of: generation.projection, fencingValue: writer.owned.fencingValue)
    }
}
