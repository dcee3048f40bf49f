/// Which rows of a projection the cache holds, and for how long.
///
/// The cached rows are those of the projection's first public table.
public struct HotSetSettings: Sendable, Hashable {
    /// What makes a row hot.
    public enum Choice: Sendable, Hashable {
        /// Nothing of this projection is cached.
        case none
        /// Every row; beyond ``HotSetSettings/limit``, those changed last, by position.
        case all
        /// The rows whose time in `column` is at most `within` older than the newest in the generation, so that
        /// "recent" is measured in the log's time and an old log has recent rows too; a time beyond tomorrow counts as
        /// now there, so that one wrong clock does not make all other rows old. Beyond the limit, the newest.
        case recent(column: String, within: Duration)
        /// The rows with the greatest values in `column`, up to the limit.
        case top(column: String)
    }

    /// What makes a row hot.
    public var choice: Choice
    /// At most this many rows are cached; at least 1.
    public var limit: Int
    /// How long a row stays in the cache after it was written there. The whole set is rewritten after half of that
    /// time, so rows that stay hot do not fall out.
    public var ttl: Duration
    /// The sorted sets of keys, if the projection has them.
    public var ranking: HotRanking?

    /// - Parameters:
    ///   - limit: by default 10,000 rows.
    ///   - ttl: by default seven days; whole seconds, at least one.
    public init(
        _ choice: Choice,
        limit: Int = 10_000,
        ttl: Duration = .seconds(7 * 86_400),
        ranking: HotRanking? = nil
    ) {
        self.choice = choice
        self.limit = limit
        self.ttl = ttl
        self.ranking = ranking
    }

    /// Nothing is cached.
    public static let none = HotSetSettings(.none)
}

/// Sorted sets of keys in the cache: `top` over all rows, and one for each value of a group column.
///
/// A ranking of the best holds so many keys in each set, whatever their scores. A ranking by time, one with ``within``,
/// holds every key whose time is recent: how many there are since some moment is then a question for the cache alone.
public struct HotRanking: Sendable, Hashable {
    /// The column whose value is the score; rows that have null there are in no set. In a ranking by time a column of
    /// timestamps; the score is then in microseconds since 1970-01-01 UTC, whole numbers that a double holds exactly
    /// until the year 2255.
    public var score: String
    /// A text column, such as `genre`: the set `genre:drama` holds the rows whose genre is `drama`. Rows with null
    /// there are in `top` only, and so are those with more than 1,024 bytes; nil for no such sets.
    public var group: String?
    /// A column that may be null, such as `ended_at`: rows with a value there are in no set; nil for no such column.
    public var unless: String?
    /// How many keys each set of a ranking of the best holds; 1 to ``mostPlaces``.
    public var best: Int
    /// How many groups have a set: those with the most rows when the cache is warmed. 1 to ``mostGroups``.
    public var groups: Int
    /// How much older than the newest a key's time may be; nil for a ranking of the best. The newest is measured as in
    /// ``HotSetSettings/Choice/recent(column:within:)``: in the log's time, and a time beyond tomorrow counts as now.
    public var within: Duration?
    /// How many keys `top` of a ranking by time holds, the newest; 1 to ``mostMembers``. A group's set holds those of them
    /// that are in the group, so the limit is one for all sets.
    public var limit: Int

    /// The most places that can be filled in one step without anybody noticing.
    public static let mostPlaces = 10_000
    /// The most sets that can be kept without filling the server's memory.
    public static let mostGroups = 100_000
    /// The most keys of a ranking by time: about 400 MB of the server's memory.
    public static let mostMembers = 1_000_000

    /// A ranking of the best.
    ///
    /// - Parameters:
    ///   - unless: by default no column.
    ///   - best: by default 100.
    ///   - groups: by default 1,000.
    public init(score: String, group: String? = nil, unless: String? = nil, best: Int = 100, groups: Int = 1000) {
        self.init(score: score, group: group, unless: unless, best: best, groups: groups, within: nil)
    }

    /// A ranking by time.
    ///
    /// - Parameters:
    ///   - time: the column of the score, a timestamp.
    ///   - within: how much older than the newest a key's time may be; above zero.
    ///   - unless: by default no column.
    ///   - limit: by default 100,000 keys.
    ///   - groups: by default 1,000.
    public init(
        time: String,
        within: Duration,
        group: String? = nil,
        unless: String? = nil,
        limit: Int = 100_000,
        groups: Int = 1000
    ) {
        self.init(score: time, group: group, unless: unless, groups: groups, within: within, limit: limit)
    }

    /// - Parameter within: nil for a ranking of the best.
    package init(
        score: String,
        group: String?,
        unless: String?,
        best: Int = 100,
        groups: Int,
        within: Duration?,
        limit: Int = 100_000
    ) {
        self.score = score
        self.group = group
        self.unless = unless
        self.best = best
        self.groups = groups
        self.within = within
        self.limit = limit
    }
}
