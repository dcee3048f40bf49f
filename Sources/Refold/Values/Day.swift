/// A day of the calendar in UTC, as a number of days since 2000-01-01; PostgreSQL keeps it as `date`.
///
/// PostgreSQL's `infinity` and `-infinity` are the two ends of the range.
public struct Day: RawRepresentable, Hashable, Comparable, Sendable {
    /// Days since 2000-01-01.
    public let rawValue: Int32

    /// The day so many days after 2000-01-01.
    public init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    /// PostgreSQL's `infinity`.
    public static let infinity = Day(rawValue: .max)
    /// PostgreSQL's `-infinity`.
    public static let negativeInfinity = Day(rawValue: .min)

    /// The day in UTC on which a moment falls; the infinities are themselves.
    public init(_ timestamp: Timestamp) {
        guard timestamp.isFinite else {
            self = timestamp == .infinity ? .infinity : .negativeInfinity
            return
        }
        // 2⁶³ microseconds are 10⁸ days.
        rawValue = Int32(timestamp.rawValue.floorDivided(by: Timestamp.microsecondsPerDay).quotient)
    }

    /// Whether it is a day, and not one of the two infinities.
    public var isFinite: Bool { rawValue != .max && rawValue != .min }

    /// Whether it is the earlier one.
    public static func < (lhs: Day, rhs: Day) -> Bool {
        lhs.rawValue < rhs.rawValue
    }
}

extension Day: LosslessStringConvertible {
    /// Reads `2024-03-01`: a year of four digits, or a sign and four to six, year 0 being 1 BC. Nil for anything else.
    public init?(_ text: String) {
        // The rules for days are those of timestamps, so that both accept the same.
        guard text.utf8.allSatisfy({ $0 == 0x2B || $0 == 0x2D || (0x30...0x39).contains($0) }),
            let midnight = Timestamp(text + "T00:00:00Z")
        else { return nil }
        self.init(midnight)
    }

    /// ISO 8601: `2024-03-01`; `infinity` and `-infinity`.
    public var description: String {
        guard isFinite else { return self == .infinity ? "infinity" : "-infinity" }
        var text: [UInt8] = []
        text.appendDate(daysSince2000: Int64(rawValue))
        return String(decoding: text, as: UTF8.self)
    }
}
