package import Refold

/// Batches that were read together, and the range of positions they cover.
package struct EventBlock: Sendable {
    /// The batches, in order of position. None is empty; all but the last of a whole read are full, unless their
    /// payloads are huge. There is no batch when the range holds no event.
    package let batches: [EventBatch]
    /// The position after which this block begins: where the block before it ended.
    package let after: GlobalPosition
    /// The last position that was examined. In the last block of a read it is the position asked for, even when the
    /// last positions hold no event.
    package let through: GlobalPosition
    /// The positions in between that hold no event.
    package let holes: GapLog
    /// Whether the read ends with this block.
    package let isLast: Bool
    /// What its payloads take, and the metadata and names that were fetched with them.
    package let byteCount: Int

    package init(
        batches: [EventBatch],
        after: GlobalPosition,
        through: GlobalPosition,
        holes: GapLog,
        isLast: Bool,
        byteCount: Int = 0
    ) {
        self.batches = batches
        self.after = after
        self.through = through
        self.holes = holes
        self.isLast = isLast
        self.byteCount = byteCount
    }

    /// The number of events.
    package var count: Int { batches.reduce(0) { $0 + $1.count } }
}
