package import Postgres
package import Refold

/// A cache of the hot rows of live read models, as the engine knows it: where it is, and what can be asked of it.
///
/// Never the source and never in the way: the generation's next owner repairs what fails here. The engine is given one
/// when it is made, or none.
package protocol Cache: Sendable {
    /// Whether rows of the projection are cached.
    func holds(_ projection: ProjectionName) -> Bool

    /// A writer for one operation, which closes it. Nothing is connected yet.
    ///
    /// - Parameter connect: opens a session with the database for the writer.
    func makeWriter(connect: @escaping @Sendable () async throws -> PostgresConnection) -> any CacheWriter

    /// A row as a reader of the cache gets it.
    ///
    /// - Parameter key: the row's key as it appears in the name of its cache key.
    /// - Returns: nil when it is not cached, which says nothing about the read model.
    func row(_ projection: ProjectionName, key: String) async throws -> CachedRow?

    /// Rows of one generation, in the order of their keys; nil in the place of one that is not cached.
    func rows(_ projection: ProjectionName, keys: [String]) async throws -> [CachedRow?]

    /// How many rows have a time after the given one, by the projection's ranking by time.
    ///
    /// - Returns: nil when the cache cannot say: it is not there, has no such ranking, or does not go back so far.
    func counts(_ projection: ProjectionName, after time: Timestamp) async throws -> CachedCounts?

    /// The state of a projection's cache, as any process can find out from the two servers.
    ///
    /// - Parameter connection: a session with the database.
    func status(of projection: ProjectionName, on connection: PostgresConnection) async -> CacheStatus

    /// Removes everything of a projection from the cache. An owner that runs warms it again within a second or two.
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

    /// Checks whether the server is fit to be the cache.
    func check() async throws -> CacheCheck
}
