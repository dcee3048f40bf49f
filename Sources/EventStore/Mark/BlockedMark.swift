package import Refold

/// Why the high-water mark stands below the newest position, and since when.
package struct BlockedMark: Sendable, Equatable {
    /// The first position the mark cannot pass: its event may still appear.
    package let position: GlobalPosition
    /// The transaction to wait for. There may be others; this one holds the lowest position.
    package let transaction: BlockingTransaction
    /// When the mark stopped here.
    package let since: ContinuousClock.Instant

    package init(position: GlobalPosition, transaction: BlockingTransaction, since: ContinuousClock.Instant) {
        self.position = position
        self.transaction = transaction
        self.since = since
    }
}
