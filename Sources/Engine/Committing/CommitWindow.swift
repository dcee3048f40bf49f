package import Postgres
package import Refold

/// What commits in one transaction: changed rows, dead letters, emitted events, and the checkpoint that passes their
/// events.
///
/// A value, encoded from memory at the moment the window was closed, so that folding continues while it is being
/// committed; only borrowed rows stay where they are, and folding waits.
package struct CommitWindow: Sendable {
    /// The checkpoint it starts from.
    package let from: GlobalPosition
    /// The checkpoint it moves to.
    package let to: GlobalPosition
    /// Events the projection applied or set aside.
    package let events: Int
    /// Events a second since the window before.
    package let rate: Double?
    package let rows: Rows
    package let deadLetters: [DeadLetter]
    /// What its events have emitted, in order.
    package let emissions: [Emission]
    /// Changed rows in the form of the cache, where it follows this generation.
    package let hotRows: HotRows
    /// The first window with events of a generation that was begun when there were none: the log's first event is
    /// recorded with it.
    package let isFirst: Bool

    package init(
        from: GlobalPosition,
        to: GlobalPosition,
        events: Int,
        rate: Double?,
        rows: Rows,
        deadLetters: [DeadLetter],
        emissions: [Emission] = [],
        hotRows: HotRows,
        isFirst: Bool = false
    ) {
        self.from = from
        self.to = to
        self.events = events
        self.rate = rate
        self.rows = rows
        self.deadLetters = deadLetters
        self.emissions = emissions
        self.hotRows = hotRows
        self.isFirst = isFirst
    }

    package enum Rows: Sendable {
        /// Versions of rows to append while a generation is built in memory: COPY pieces by table.
        case versions([[[UInt8]]])
        /// The same of too many rows to encode a copy: by table, read where they are.
        case borrowedVersions([BorrowedRows])
        /// All rows, by table, into fresh tables that then get their keys.
        case whole([BorrowedRows])
        /// Rows to replace in and remove from keyed tables: statements.
        case replacements([PostgresStatement])
    }

    var isEmpty: Bool { from == to && events == 0 }

    /// Rows are encoded from where they are while they are written: nothing may be folded meanwhile.
    var isBorrowed: Bool {
        switch rows {
        case .borrowedVersions, .whole: true
        case .versions, .replacements: false
        }
    }
}

/// Rows of a table where they are, to be encoded while they are written.
package struct BorrowedRows: @unchecked Sendable {
    // `@unchecked Sendable`: one task drives the runner that owns the memory. It hands the rows over in
    // `ProjectionRunner.settle` and `closeWindow` and folds nothing until the calls that got them have returned, and
    // these only read.
    private let memory: TableMemory
    private let changes: [ChangedRecord]?

    /// All rows.
    package init(_ memory: TableMemory) {
        self.memory = memory
        changes = nil
    }

    /// The changed rows, removed ones included.
    package init(changes: [ChangedRecord], of memory: TableMemory) {
        self.memory = memory
        self.changes = changes
    }

    /// The rows, for as long as they are borrowed.
    package var records: [ChangedRecord] { changes ?? memory.allRows() }

    /// Passes the rows on in pieces of a COPY; see ``RowEncoder/copyRows(_:withDeletions:)``.
    func forEachCopyPiece<Failure: Error>(_ body: ([UInt8]) throws(Failure) -> Void) throws(Failure) {
        let encoder = RowEncoder(definition: memory.definition)
        try encoder.forEachCopyPiece(of: records, withDeletions: changes != nil, body)
    }
}

/// An event that was set aside.
package struct DeadLetter: Sendable {
    package let position: GlobalPosition
    package let type: String
    package let error: String

    package init(position: GlobalPosition, type: String, error: String) {
        self.position = position
        self.type = type
        self.error = error
    }

    /// What it takes in memory, the heads of its two texts included.
    var bytes: Int { MemoryLayout<DeadLetter>.stride + 64 + type.utf8.count + error.utf8.count }
}
