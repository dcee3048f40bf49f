package import Refold

/// How an `EventReader` reads.
package struct ReadingOptions: Sendable, Hashable {
    /// How many events make a batch.
    package var batchSize: BatchSize
    /// What is fetched beyond position, type, payload and timestamp.
    package var columns: EventColumns
    /// How many batches are delivered together when enough are available. Default 32.
    package var batchesPerBlock: Int
    /// A block is delivered early when its payloads reach this many bytes. Default 2 MiB. Two blocks are in memory at a
    /// time, and one event more, however large.
    package var bytesPerBlock: Int
    /// How many events one COPY reads at most. Default 100,000.
    package var eventsPerCopy: Int
    /// How long a COPY, and with it a snapshot, stays open at most, even while a block is being delivered. Default 3 s.
    package var copyLifetime: Duration

    /// Options; the defaults suit full rebuilds and tailing alike.
    package init(
        batchSize: BatchSize = .default,
        columns: EventColumns = [],
        batchesPerBlock: Int = 32,
        bytesPerBlock: Int = 2 << 20,
        eventsPerCopy: Int = 100_000,
        copyLifetime: Duration = .seconds(3)
    ) {
        self.batchSize = batchSize
        self.columns = columns
        self.batchesPerBlock = max(1, batchesPerBlock)
        self.bytesPerBlock = max(1, bytesPerBlock)
        self.eventsPerCopy = max(1, eventsPerCopy)
        self.copyLifetime = copyLifetime
    }
}
