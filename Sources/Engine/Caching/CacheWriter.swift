package import Refold

/// Writes to the cache for one operation: the daemon, a rebuild, or a command.
package protocol CacheWriter: CacheFollower {
    // MARK: For the daemon

    /// To be called once. Sends what is committed, renews the pointers and heals what is wrong, until the task is
    /// cancelled; what waits then is still sent if that takes no new connection.
    func run() async

    /// Stops following a generation; what is in the cache stays.
    func leave(_ generation: GenerationNumber)

    /// Brings a generation up to date before its owner releases it, then stops following it. Takes two seconds at most.
    func finish(_ generation: GenerationNumber) async

    /// The database server has lost what it had committed: it has crashed, or a standby was promoted. What is cached of
    /// any generation that is or was followed may be of events that are gone: the pointers go first, then the rest, and
    /// what is followed is warmed again.
    func serverChanged()

    // MARK: For operations that move the pointer

    /// Opens the connections ahead, so that the first use need not wait for them. Errors show then.
    func openAhead() async

    /// Sends the hot rows of a generation that is being written out, while the database still stores them. They do not
    /// count before ``warm(_:generation:fencingValue:)`` has confirmed them.
    ///
    /// - Parameters:
    ///   - tables: all rows of each table of the model, in the model's order.
    ///   - position: the generation's position with these rows.
    func preload(
        _ projection: ProjectionName,
        generation: GenerationNumber,
        fencingValue: FencingValue,
        from tables: [BorrowedRows],
        at position: GlobalPosition
    ) async -> PreloadResult

    /// Warms a generation that is to be pointed at, and follows it from here on.
    ///
    /// - Returns: nil for a projection that is not cached.
    /// - Throws: when the generation is not in the cache now, which is no reason not to point at it.
    @discardableResult
    func warm(
        _ projection: ProjectionName,
        generation: GenerationNumber,
        fencingValue: FencingValue
    ) async throws -> WarmResult?

    /// Points the cache at a generation that PostgreSQL's pointer has just moved to, and stops following it: pointing
    /// has ended the caller's lease.
    ///
    /// - Returns: whether the cache points at it now. If not, its next owner sees to it.
    /// - Throws: when the cache could not be asked; the next owner sees to it then, too.
    @discardableResult
    func point(_ projection: ProjectionName, to generation: GenerationNumber) async throws -> Bool

    /// Closes the connections.
    func close() async
}

/// The outcome of a preload, as far as a rebuild has to know it.
package enum PreloadResult: Sendable {
    /// They are there, or nothing of the projection is cached: warming confirms them.
    case sent
    /// Not all of them are there: warming reads them from the database.
    case skipped
    /// The server cannot be reached: nobody should wait for it again.
    case unreachable
}

/// What a warming did.
package struct WarmResult: Sendable {
    /// Rows of the hot set.
    package let rows: Int
    /// The position of the snapshot they were read from.
    package let through: GlobalPosition
    package let duration: Duration

    package init(rows: Int, through: GlobalPosition, duration: Duration) {
        self.rows = rows
        self.through = through
        self.duration = duration
    }
}
