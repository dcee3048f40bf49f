/// An event's place in the whole event store: the number that its sequence gave it.
///
/// Positions grow in the order in which they were drawn, which is not the order of commits, and have gaps.
public struct GlobalPosition: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The number that the store has for it.
    public var rawValue: Int64

    /// The position of that number.
    @inlinable
    public init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    /// The position of that number.
    @inlinable
    public init(_ rawValue: Int64) {
        self.rawValue = rawValue
    }

    /// Before the first event: sequences of event stores begin at 1.
    public static let zero = GlobalPosition(0)

    /// Whether it comes first.
    @inlinable
    public static func < (lhs: GlobalPosition, rhs: GlobalPosition) -> Bool {
        lhs.rawValue < rhs.rawValue
    }

    /// The number in decimal.
    public var description: String {
        String(rawValue)
    }
}

extension GlobalPosition: ExpressibleByIntegerLiteral {
    /// The position of the number written in code.
    @inlinable
    public init(integerLiteral value: Int64) {
        rawValue = value
    }
}
