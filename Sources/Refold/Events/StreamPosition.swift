/// An event's place in its own stream: 1 for the first event of a stream, and then without holes.
public struct StreamPosition: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    public var rawValue: Int64

    @inlinable
    public init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    @inlinable
    public init(_ rawValue: Int64) {
        self.rawValue = rawValue
    }

    @inlinable
    public static func < (lhs: StreamPosition, rhs: StreamPosition) -> Bool {
        lhs.rawValue < rhs.rawValue
    }

    public var description: String {
        String(rawValue)
    }
}

extension StreamPosition: ExpressibleByIntegerLiteral {
    @inlinable
    public init(integerLiteral value: Int64) {
        rawValue = value
    }
}
