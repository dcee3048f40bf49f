internal import Refold

extension HotSet {
    /// A projection's ranking with its columns found: what `HotRanking` means for this projection.
    struct Ranking: Sendable {
        let score: Int
        let group: Int?
        /// Rows with a value in this column are in no set.
        let unless: Int?
        /// How many keys each set holds; all sets together in a ranking by time.
        let best: Int
        let groups: Int
        /// How much less than the greatest score a key may have, in microseconds; nil for a ranking of the best.
        let within: Double?

        var isByTime: Bool { within != nil }
    }

    /// What a timestamp column's value is less than a score of a ranking by time, which counts from 1970.
    static let epoch = Timestamp.microsecondsSince1970

    /// The time that counts as the newest where there is no row: the year 1, as a score of a ranking by time.
    static let noTime: Double = -62_135_596_800_000_000

    /// The score from which a ranking by time has its keys.
    ///
    /// - Parameter newest: the greatest score.
    static func since(_ newest: Double, within: Double) -> Double {
        let now = Double(now + epoch)
        return (newest > now + Double(tomorrow) ? now : max(newest, noTime)) - within
    }
}

extension HotSet.Ranking {
    /// Finds the columns of a ranking.
    init(_ settings: HotRanking, of name: ProjectionName, _ columns: [ColumnDefinition]) throws {
        func require(_ number: Int, in range: ClosedRange<Int>, _ setting: String) throws {
            guard !range.contains(number) else { return }
            let reason = "it is not from \(range.lowerBound) to \(range.upperBound)"
            throw HotSet.unusable(name, "hot.ranking.\(setting)", reason)
        }
        try require(settings.best, in: 1...HotRanking.mostPlaces, "best")
        try require(settings.groups, in: 1...HotRanking.mostGroups, "groups")
        try require(settings.limit, in: 1...HotRanking.mostMembers, "limit")
        guard settings.within ?? .seconds(1) > .zero else {
            throw HotSet.unusable(name, "hot.ranking.within", "it is not above zero")
        }
        // The rows have this place among the keys.
        guard settings.group != "row" else {
            throw HotSet.unusable(name, "hot.ranking", "a group cannot be \"row\"")
        }
        let scored: Set<ColumnType> = settings.within == nil ? HotSet.ordered : [.timestamp]
        score = try HotSet.column(settings.score, of: name, "hot.ranking", columns) { scored.contains($0.type) }
        group = try settings.group.map { try HotSet.column($0, of: name, "hot.ranking", columns) { $0.type == .text } }
        unless = try settings.unless.map {
            try HotSet.column($0, of: name, "hot.ranking.unless", columns, \.isNullable)
        }
        within = settings.within.map { $0 / .microseconds(1) }
        best = settings.within == nil ? settings.best : settings.limit
        groups = settings.groups
    }
}
