/// An event's place in the whole event store: the number that its sequence gave it.
///
/// Positions grow in the order in which they were drawn, which is not the order of commits, and have holes.
public struct GlobalPosition: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    public var rawValue: Int64

    @inlinable
    public init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    @inlinable
    public init(_ rawValue: Int64) {
        self.rawValue = rawValue
    }

    /// Before the first event: sequences of event stores begin at 1.
    public static let zero = GlobalPosition(0)

    @inlinable
    public static func < (lhs: GlobalPosition, rhs: GlobalPosition) -> Bool {
        lhs.rawValue < rhs.rawValue
    }

    public var description: String {
        String(rawValue)
    }
}

extension GlobalPosition: ExpressibleByIntegerLiteral {
    @inlinable
    public init(integerLiteral value: Int64) {
        rawValue = value
    }
}
