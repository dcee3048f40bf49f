internal import Postgres
package import Refold

/// The rows of one generation that are in memory: loaded as they are needed, and kept within the budget.
package final class ResidentRows {
    package private(set) var rows: Rows
    private let model: ReadModel
    private let generation: GenerationNumber
    private let budget: MemoryBudget
    private let emits: EmissionScope?

    /// - Parameters:
    ///   - isEmpty: no row of the generation exists, so that none is looked for.
    ///   - emits: what is kept of what events emit; nil for a projection that emits nothing.
    package init(
        _ model: ReadModel,
        of generation: GenerationNumber,
        isEmpty: Bool,
        emits: EmissionScope? = nil,
        budget: MemoryBudget
    ) {
        self.model = model
        self.generation = generation
        self.budget = budget
        self.emits = emits
        rows = Rows(model, isComplete: isEmpty, emits: emits)
    }

    deinit { budget.leave(generation) }

    // MARK: Loading

    /// Loads the newest version of every row, as a generation that is built in memory needs them.
    ///
    /// - Returns: false when they do not fit the budget; none is in memory then.
    package nonisolated(nonsending) func loadAll(from writer: GenerationWriter) async throws -> Bool {
        for (index, table) in writer.tables.enumerated() {
            let memory = rows.memories[index]
            var decoder = RowDecoder(definition: memory.definition)
            try await writer.newestVersions(of: table) { versions in
                try decoder.keep(versions, in: memory)
                return fits(0)
            }
        }
        guard fits(0) else {
            rows = Rows(model, isComplete: false, emits: emits)
            return false
        }
        for memory in rows.memories { memory.markComplete() }
        return true
    }

    /// Loads the rows that a pass has missed; those that do not exist are remembered as absent.
    package nonisolated(nonsending) func loadMissing(from writer: GenerationWriter) async throws {
        let missing = rows.missingKeys.map { Array($0) }
        let loaded = try await writer.load(missing)
        for (index, result) in loaded.enumerated() {
            guard let result else { continue }
            let memory = rows.memories[index]
            var decoder = RowDecoder(definition: memory.definition)
            try decoder.keep(result, wanted: missing[index], in: memory)
        }
    }

    // MARK: Room

    /// Whether so many bytes more fit, after the rows were moved together if they have to be and may be.
    package func hasRoom(for bytes: Int, movesTogether: Bool = true) -> Bool {
        if fits(bytes) { return true }
        guard movesTogether else { return false }
        rows.moveTogether()
        return fits(bytes)
    }

    /// Evicts the least recently used rows, to somewhat less than the allowance, so that this is not repeated for each
    /// row. What has changed since the last commit stays.
    package func evict(toHold bytes: Int) { rows.evict(downTo: max(0, allowance * 7 / 8 - bytes)) }

    /// Whether so many bytes more fit.
    package func fits(_ bytes: Int) -> Bool { rows.bytes + bytes <= allowance }

    private var allowance: Int { budget.allowance(for: generation, using: rows.bytes) }
}
