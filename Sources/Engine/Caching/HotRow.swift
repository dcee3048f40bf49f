package import Refold

/// The changed rows of a commit window, in the form of the cache.
///
/// One buffer for all of them: a window may have thousands, and most of them wait here only for some milliseconds.
package struct HotRows: Sendable {
    /// One row; its texts are places in the buffer, one after the other: key, JSON, group.
    struct Row: Sendable {
        let start: Int
        let keyEnd: Int
        /// As the key's end for a row that was removed: no JSON.
        let jsonEnd: Int
        let groupEnd: Int
        /// The last event that changed it.
        let position: Int64
        /// The value that orders hot rows; NaN for a row that has none and is never hot.
        let order: Double
        /// The score in the rankings; NaN for none.
        let score: Double
        let hasGroup: Bool

        var isRemoved: Bool { jsonEnd == keyEnd }
    }

    var bytes: [UInt8] = []
    var rows: [Row] = []
    /// Rows were changed that are not here, because the cache would not have taken them: it reads them later.
    var isIncomplete = false
    /// Whether rows were removed, those that are not here included.
    var hasRemovals = false

    /// No rows.
    package static let none = HotRows()

    /// A larger object is left out of the cache, whatever the server would take: nobody waits while it is written.
    static let largestObject = 4 << 20

    /// What they take while they wait.
    var byteCount: Int { bytes.count + rows.count * MemoryLayout<Row>.stride }

    /// The bytes of the largest one.
    var largestRow: Int { rows.lazy.map { $0.groupEnd - $0.start }.max() ?? 0 }

    /// Key and JSON of each row, nil for one that was removed.
    package var texts: [(key: String, json: String?)] {
        rows.map { row in
            let json = row.isRemoved ? nil : String(decoding: bytes[row.keyEnd..<row.jsonEnd], as: UTF8.self)
            return (String(decoding: bytes[row.start..<row.keyEnd], as: UTF8.self), json)
        }
    }

    func withKey<R>(_ row: Row, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[row.start..<row.keyEnd])) }
    }
}

/// Follows commits with the cache. Never waits: what it cannot take at once it catches up with later.
package protocol CacheFollower: Sendable {
    /// The caller owns a live generation whose tables can be read: keep it right from now on.
    func follow(_ generation: GenerationNumber, of projection: ProjectionName, fencingValue: FencingValue)

    /// Puts a window's changed rows into the form of the cache, before they change again.
    ///
    /// Costs nothing when the generation is not cached, or when the cache is behind and would not take them.
    ///
    /// - Parameter changes: the changed rows of each table of the model, in the model's order.
    func encode(_ changes: [[ChangedRecord]], of generation: GenerationNumber) -> HotRows

    /// The window with these rows was committed. Called for every window, without rows too, and with
    /// ``HotRows/skipped`` for one whose rows were not encoded.
    func committed(_ rows: HotRows, of generation: GenerationNumber, through position: GlobalPosition)
}

extension HotRows {
    /// Stands for rows that nobody encoded.
    package static func skipped(hasRemovals: Bool) -> HotRows {
        var rows = HotRows()
        rows.isIncomplete = true
        rows.hasRemovals = hasRemovals
        return rows
    }

    /// Stands for rows that nobody looked at: removed ones may be among them.
    package static let skipped = skipped(hasRemovals: true)
}
