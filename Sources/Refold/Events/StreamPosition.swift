/// An event's place in its own stream: 1 for the first event of a stream, and then without gaps.
public struct StreamPosition: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The number as the store has it.
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

    /// Whether it comes first.
    @inlinable
    public static func < (lhs: StreamPosition, rhs: StreamPosition) -> Bool {
        lhs.rawValue < rhs.rawValue
    }

    /// The number in decimal.
    public var description: String {
        String(rawValue)
    }
}

extension StreamPosition: ExpressibleByIntegerLiteral {
    /// The position of the number written in code.
    @inlinable
    public init(integerLiteral value: Int64) {
        rawValue = value
    }
}
