/// The number of a generation: drawn from a sequence, and never used twice.
///
/// Of two generations of a projection, the one with the greater number was begun later.
public struct GenerationNumber: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The number that `refold.generations` has for it.
    public let rawValue: Int64

    /// The generation of that number.
    public init(rawValue: Int64) { self.rawValue = rawValue }

    /// The generation of that number.
    public init(_ rawValue: Int64) { self.rawValue = rawValue }

    /// Whether it was begun first.
    public static func < (left: GenerationNumber, right: GenerationNumber) -> Bool { left.rawValue < right.rawValue }

    /// The number in decimal.
    public var description: String { String(rawValue) }
}

extension GenerationNumber: ExpressibleByIntegerLiteral {
    /// The generation of the number written in code.
    public init(integerLiteral value: Int64) { rawValue = value }
}
