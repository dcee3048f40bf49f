internal import Postgres
internal import Refold

/// What commits in one transaction: changed rows, dead letters, and the checkpoint that passes their events.
///
/// A value, encoded from memory at the moment the window was closed: folding goes on while it is being committed.
struct CommitWindow: Sendable {
    /// The checkpoint it starts from.
    let from: GlobalPosition
    /// The checkpoint it moves to.
    let to: GlobalPosition
    /// Events the projection applied or set aside.
    let events: Int
    /// Events a second since the window before.
    let rate: Double?
    let rows: Rows
    let deadLetters: [DeadLetter]
    /// Changed rows in the form of the cache, where it follows this generation.
    let hotRows: HotRows

    enum Rows: Sendable {
        /// Versions of rows to append while a generation is built in memory: COPY pieces by table.
        case versions([[[UInt8]]])
        /// Everything there is, into fresh tables that then get their keys: COPY pieces by table.
        case whole([[[UInt8]]])
        /// Rows to replace in and remove from keyed tables: statements.
        case replacements([PostgresStatement])
    }

    var isEmpty: Bool { from == to && events == 0 }
}

/// An event that was set aside.
struct DeadLetter: Sendable {
    let position: GlobalPosition
    let type: String
    let error: String
}
