package import Postgres
package import Refold

/// A cache of the hot rows of live read models, as the engine knows it: where it is, and what can be asked of it.
///
/// Never the source and never in the way: what fails here, the generation's next owner puts right. The engine is given
/// one when it is made, or none.
package protocol Cache: Sendable {
    /// Whether rows of the projection are cached.
    func holds(_ projection: ProjectionName) -> Bool

    /// A writer for one operation, which closes it. Nothing is connected yet.
    ///
    /// - Parameter connect: opens a session with the database for the writer.
    func makeWriter(connect: @escaping @Sendable () async throws -> PostgresConnection) -> any CacheWriter

    /// A row as a reader of the cache gets it.
    ///
    /// - Parameter key: the row's key as it stands in the name of its cache key.
    /// - Returns: nil when it is not cached, which says nothing about the read model.
    func row(_ projection: ProjectionName, key: String) async throws -> CachedRow?

    /// Where a projection's cache stands, as any process can find out from the two servers.
    ///
    /// - Parameter connection: a session with the database.
    func status(of projection: ProjectionName, on connection: PostgresConnection) async -> CacheStatus

    /// Takes everything of a projection out of the cache. An owner that runs warms it again within a second or two.
    ///
    /// - Returns: how many keys there were.
    func clear(_ projection: ProjectionName) async throws -> Int

    /// Asks the owner of a projection's live generation, in whatever process, to warm it again, and waits for that.
    ///
    /// - Returns: false when nobody did it in time: nobody owns the generation, and the caller may acquire, warm and point.
    func requestWarming(
        _ projection: ProjectionName,
        on connection: PostgresConnection,
        within limit: Duration
    ) async throws -> Bool

    /// Looks whether the server can be what the cache needs.
    func check() async throws -> CacheCheck
}

/// Follows commits with the cache: what folding calls. Never waits: what it cannot take at once it catches up with later.
package protocol CacheFollower: Sendable {
    /// The caller owns a live generation whose tables can be read: it is warmed, then follows its commits. To be called
    /// after each acquisition; does nothing for a projection that is not cached.
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

/// Writes to the cache for one operation: the daemon, a rebuild, or a command.
package protocol CacheWriter: CacheFollower {
    // MARK: For the daemon

    /// To be called once. Sends what is committed, renews the pointers and heals what is not right, until the task is
    /// cancelled; what waits then is still sent if that takes no new connection.
    func run() async

    /// Follows a generation no more; what is in the cache stays.
    func leave(_ generation: GenerationNumber)

    /// Brings a generation up to date before its owner gives it back, then follows it no more. Takes two seconds at most.
    func finish(_ generation: GenerationNumber) async

    /// The database server has lost what it had committed: it has crashed, or a standby was promoted. What is cached of
    /// any generation that is or was followed may be of events that are gone: the pointers go first, then the rest, and
    /// what is followed is warmed anew.
    func serverChanged()

    // MARK: For whoever moves the pointer

    /// Opens the connections ahead, so that the first use need not wait for them. What fails shows then.
    func openAhead() async

    /// Sends the hot rows of a generation that is being written out, while the database still stores them. They do not
    /// count before ``warm(_:generation:fencingValue:)`` has confirmed them.
    ///
    /// - Parameters:
    ///   - tables: all rows of each table of the model, in the model's order.
    ///   - position: where the generation stands with these rows.
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

    /// Points the cache at a generation that PostgreSQL's pointer has just moved to, and follows it no more: pointing has
    /// ended the caller's lease.
    ///
    /// - Returns: whether the cache points at it now. If not, its next owner sees to it.
    /// - Throws: when the cache could not be asked; the next owner sees to it then, too.
    @discardableResult
    func point(_ projection: ProjectionName, to generation: GenerationNumber) async throws -> Bool

    /// Closes the connections.
    func close() async
}

/// What became of rows that were sent ahead, as far as a rebuild has to know it.
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
