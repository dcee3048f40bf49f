internal import Postgres
package import Refold

/// Encodes what has changed in memory, in the form in which its generation is written and in that of the cache.
package struct WindowEncoder {
    private let generation: GenerationNumber
    private let tables: [GenerationTable]
    private let cache: (any CacheFollower)?
    /// Versions that take more are borrowed instead of encoded.
    private let mostBytes: Int

    package init(_ writer: GenerationWriter, cache: (any CacheFollower)?, mostBytes: Int) {
        generation = writer.generation.number
        tables = writer.tables
        self.cache = cache
        self.mostBytes = mostBytes
    }

    /// Takes the changes out of the rows.
    ///
    /// Versions that take much are borrowed: nothing may be folded until they are written (``CommitWindow/isBorrowed``).
    package func takeChanges(of rows: Rows, in phase: GenerationPhase) -> (CommitWindow.Rows, HotRows) {
        if phase == .memory && rows.changedBytes > mostBytes {
            return (.borrowedVersions(rows.memories.map { BorrowedRows(changes: $0.takeChanges(), of: $0) }), .none)
        }
        let changes = rows.memories.map { ($0.definition, $0.takeChanges()) }
        let hotRows = cache?.encode(changes.map(\.1), of: generation) ?? .none
        switch phase {
        case .memory:
            return (.versions(changes.map { RowEncoder(definition: $0).copyRows($1, withDeletions: true) }), hotRows)
        case .settled:
            return (.replacements(zip(changes, tables).flatMap { replacements($0.0, $0.1, in: $1) }), hotRows)
        }
    }

    private func replacements(
        _ definition: TableDefinition,
        _ changed: [ChangedRecord],
        in table: GenerationTable
    ) -> [PostgresStatement] {
        guard !changed.isEmpty else { return [] }
        let encoder = RowEncoder(definition: definition)
        let (present, gone) = (changed.filter(\.isPresent), changed.filter { !$0.isPresent })
        return encoder.upserts(present).map { PostgresStatement(table.upsertSQL, $0) }
            + encoder.deletions(gone).map { PostgresStatement(table.deleteSQL, $0) }
    }

    /// All rows, to be written as a whole; nothing may be folded until they are.
    package func borrowAll(of rows: Rows) -> [BorrowedRows] {
        for memory in rows.memories { _ = memory.takeChanges() }
        return rows.memories.map { BorrowedRows($0) }
    }
}
