/// Which rows of a projection the cache holds, and for how long.
///
/// The cached rows are those of the projection's first public table.
public struct HotSetSettings: Sendable, Hashable {
    /// What makes a row hot.
    public enum Choice: Sendable, Hashable {
        /// Nothing of this projection is cached.
        case none
        /// Every row; of more than ``HotSetSettings/limit`` those changed last, by position.
        case all
        /// The rows whose time in `column` is at most `within` older than the newest in the generation, so that "recent"
        /// is measured in the log's time and an old log has recent rows too. Of more than the limit the newest.
        case recent(column: String, within: Duration)
        /// The rows with the greatest values in `column`, as many as the limit says.
        case top(column: String)
    }

    /// What makes a row hot.
    public var choice: Choice
    /// At most this many rows are cached; at least 1.
    public var limit: Int
    /// How long a row stays in the cache after it was written there. The whole set is written anew after half of that
    /// time, so rows that stay hot do not fall out.
    public var lifetime: Duration
    /// The sorted sets of keys, if the projection has them.
    public var ranking: HotRanking?

    /// - Parameters:
    ///   - limit: 10,000 rows unless told otherwise.
    ///   - lifetime: seven days unless told otherwise; whole seconds, at least one.
    public init(
        _ choice: Choice,
        limit: Int = 10_000,
        lifetime: Duration = .seconds(7 * 86_400),
        ranking: HotRanking? = nil
    ) {
        self.choice = choice
        self.limit = limit
        self.lifetime = lifetime
        self.ranking = ranking
    }

    /// Nothing is cached.
    public static let none = HotSetSettings(.none)
}

/// Sorted sets of keys in the cache: `top` over all rows, and one for each value of a group column.
public struct HotRanking: Sendable, Hashable {
    /// The column whose value is the score; rows that have null there are in no set.
    public var score: String
    /// A text column, such as `genre`: the set `genre:drama` holds the best rows whose genre is `drama`. Rows with null
    /// there are in `top` only; nil for no such sets.
    public var group: String?
    /// How many keys each set holds.
    public var best: Int

    /// - Parameter best: 100 unless told otherwise; at least 1.
    public init(score: String, group: String? = nil, best: Int = 100) {
        self.score = score
        self.group = group
        self.best = best
    }
}

/// Where the cache is.
public struct CacheSettings: Sendable, Hashable {
    /// A URL as `RedisURL` reads it.
    public var url: String
    /// What every key begins with, without the colon.
    public var prefix: String
    /// How long to wait for the connection and for each reply.
    public var timeout: Duration

    /// - Parameters:
    ///   - prefix: `refold` unless told otherwise.
    ///   - timeout: one second unless told otherwise.
    public init(url: String, prefix: String = "refold", timeout: Duration = .seconds(1)) {
        self.url = url
        self.prefix = prefix
        self.timeout = timeout
    }
}
