/// Text compared and ordered by its UTF-8 bytes, as the database compares keys; `String` takes é and é for the same.
public struct ByteText: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The UTF-8 bytes.
    public let bytes: [UInt8]

    /// - Parameter text: any text.
    public init(_ text: String) {
        bytes = Array(text.utf8)
    }

    /// The text, in quotes.
    public var description: String { String(decoding: bytes, as: UTF8.self).debugDescription }

    /// Whether one comes first by code points, which is the order of UTF-8 bytes.
    public static func < (left: ByteText, right: ByteText) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }
}

/// One value of a read model's row.
public enum ModelValue: Sendable, Equatable {
    /// NULL.
    case null
    /// A text.
    case text(ByteText)
    /// A bigint.
    case integer(Int64)
    /// A double precision.
    case double(Double)
    /// A boolean.
    case boolean(Bool)
    /// A jsonb array of texts.
    case texts([ByteText])
    /// A timestamptz, in microseconds since 2000-01-01T00:00:00Z.
    case time(Int64)

    /// Whether both are the same value; doubles may differ by 10⁻¹² of their size, because the logarithm does between
    /// implementations.
    func agrees(with other: ModelValue) -> Bool {
        guard case .double(let left) = self, case .double(let right) = other else { return self == other }
        return left.bitPattern == right.bitPattern || abs(left - right) <= 1e-12 * max(abs(left), abs(right))
    }
}

/// The rows of one read model: key to the other columns, in the contract's order.
public typealias ModelRows = [ByteText: [ModelValue]]

/// The three read models of the sample domain.
public struct Models: Sendable, Equatable {
    /// email, name, subscription_plan, preferences, total_watch_time, favorite_genres, last_active, registration_date,
    /// is_premium.
    public var userProfiles: ModelRows = [:]
    /// title, genre, total_views, total_watch_time, average_completion_rate, unique_viewers, rating_average,
    /// rating_count, trending_score, last_updated.
    public var contentPopularity: ModelRows = [:]
    /// genre, score, last_watched.
    public var trendingScore: ModelRows = [:]

    /// Models without rows.
    public init() {}

    /// What differs, in words, at most ten items; empty when the models agree.
    public func differences(from expected: Models) -> [String] {
        var found: [String] = []
        compare("user_profiles", userProfiles, expected.userProfiles, &found)
        compare("content_popularity", contentPopularity, expected.contentPopularity, &found)
        compare("trending_score", trendingScore, expected.trendingScore, &found)
        return Array(found.prefix(10))
    }

    private func compare(_ model: String, _ rows: ModelRows, _ expected: ModelRows, _ found: inout [String]) {
        for key in Set(rows.keys).union(expected.keys).sorted() {
            guard let row = rows[key] else {
                found.append("\(model) \(key): no row")
                continue
            }
            guard let wanted = expected[key] else {
                found.append("\(model) \(key): a row that should not be there")
                continue
            }
            for (place, pair) in zip(row, wanted).enumerated() where !pair.0.agrees(with: pair.1) {
                found.append("\(model) \(key), column \(place + 2): \(pair.0) instead of \(pair.1)")
            }
        }
    }
}
