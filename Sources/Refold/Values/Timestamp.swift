/// A moment, in microseconds since 2000-01-01T00:00:00Z, as PostgreSQL keeps it.
///
/// PostgreSQL's `infinity` and `-infinity` are the two ends of the range; `isFinite` tells them apart.
public struct Timestamp: RawRepresentable, Hashable, Comparable, Sendable {
    /// Microseconds since 2000-01-01T00:00:00Z.
    public let rawValue: Int64

    /// The moment so many microseconds after 2000-01-01T00:00:00Z.
    @inlinable
    public init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    /// The moment so many microseconds after 2000-01-01T00:00:00Z.
    @inlinable
    public init(microseconds: Int64) {
        rawValue = microseconds
    }

    /// The epoch: 2000-01-01T00:00:00Z.
    public static let epoch = Timestamp(microseconds: 0)
    /// PostgreSQL's `infinity`.
    public static let infinity = Timestamp(microseconds: .max)
    /// PostgreSQL's `-infinity`.
    public static let negativeInfinity = Timestamp(microseconds: .min)

    /// What PostgreSQL can keep, 4714-11-24 BC up to the end of the year 294276, in microseconds since 2000
    /// (`MIN_TIMESTAMP`, `END_TIMESTAMP` in `timestamp.h`).
    static let moments: ClosedRange<Int64> = -211_813_488_000_000_000...9_223_371_331_199_999_999

    /// Whether it is a moment, and not one of the two infinities.
    @inlinable
    public var isFinite: Bool {
        rawValue != .max && rawValue != .min
    }

    /// Whether it is the earlier one.
    @inlinable
    public static func < (lhs: Timestamp, rhs: Timestamp) -> Bool {
        lhs.rawValue < rhs.rawValue
    }
}

// MARK: Arithmetic

extension Timestamp {
    /// The seconds from `other` to this moment, negative when it is the earlier one.
    ///
    /// Exact to the microsecond within 285 years; beyond, to the precision of a `Double`.
    public func seconds(since other: Timestamp) -> Double {
        let (difference, overflow) = rawValue.subtractingReportingOverflow(other.rawValue)
        return overflow ? (Double(rawValue) - Double(other.rawValue)) / 1e6 : Double(difference) / 1e6
    }

    /// The time from the right moment to the left one.
    public static func - (lhs: Timestamp, rhs: Timestamp) -> Duration {
        .microseconds(lhs.rawValue) - .microseconds(rhs.rawValue)
    }

    /// The moment `rhs` later, to the microsecond below. Infinity stays what it is.
    ///
    /// - Throws: `EventRefusal` with code `overflow` beyond the range of timestamps.
    public static func + (lhs: Timestamp, rhs: Duration) throws(EventRefusal) -> Timestamp {
        try lhs.moved(by: rhs.attoseconds)
    }

    /// The moment `rhs` earlier; see `+`.
    public static func - (lhs: Timestamp, rhs: Duration) throws(EventRefusal) -> Timestamp {
        let (earlier, overflow) = Int128.zero.subtractingReportingOverflow(rhs.attoseconds)
        // The one duration without an opposite is longer than any distance.
        return try lhs.moved(by: overflow ? .max : earlier)
    }

    private func moved(by attoseconds: Int128) throws(EventRefusal) -> Timestamp {
        guard isFinite else {
            return self
        }
        // Division rounds towards zero, which is up for a negative duration.
        let (whole, rest) = attoseconds.quotientAndRemainder(dividingBy: 1_000_000_000_000)
        // Of 10^26 and of 2^63 at most, which fit together.
        let sum = Int128(rawValue) + whole - (rest < 0 ? 1 : 0)
        guard let microseconds = Int64(exactly: sum), Timestamp.moments.contains(microseconds) else {
            throw EventRefusal(.overflow, "a time is beyond the range of timestamps")
        }
        return Timestamp(microseconds: microseconds)
    }
}

/// As the number of microseconds.
extension Timestamp: Codable {}
