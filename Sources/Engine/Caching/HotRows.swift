/// The changed rows of a commit window, in the form of the cache.
///
/// One buffer for all of them: a window may have thousands, and most of them wait here only for some milliseconds.
package struct HotRows: Sendable {
    /// One row; its texts are places in the buffer, one after the other: key, JSON, group.
    package struct Row: Sendable {
        package let start: Int
        package let keyEnd: Int
        /// As the key's end for a row that was removed: no JSON.
        package let jsonEnd: Int
        package let groupEnd: Int
        /// The last event that changed it.
        package let position: Int64
        /// The value that orders hot rows; NaN for a row that has none and is never hot.
        package let order: Double
        /// The score in the rankings; NaN for none.
        package let score: Double
        package let hasGroup: Bool

        package init(
            start: Int,
            keyEnd: Int,
            jsonEnd: Int,
            groupEnd: Int,
            position: Int64,
            order: Double,
            score: Double,
            hasGroup: Bool
        ) {
            self.start = start
            self.keyEnd = keyEnd
            self.jsonEnd = jsonEnd
            self.groupEnd = groupEnd
            self.position = position
            self.order = order
            self.score = score
            self.hasGroup = hasGroup
        }
    }

    package var bytes: [UInt8] = []
    package var rows: [Row] = []
    /// Rows were changed that are not here, because the cache would not have taken them: it reads them later.
    package var isIncomplete = false
    /// Whether rows were removed, those that are not here included.
    package var hasRemovals = false

    package init() {}

    /// No rows.
    package static let none = HotRows()
}

extension HotRows {
    /// Stands for rows that were not encoded.
    package static func skipped(hasRemovals: Bool) -> HotRows {
        var rows = HotRows()
        rows.isIncomplete = true
        rows.hasRemovals = hasRemovals
        return rows
    }

    /// Stands for rows that were not looked at: removed ones may be among them.
    package static let skipped = skipped(hasRemovals: true)
}
