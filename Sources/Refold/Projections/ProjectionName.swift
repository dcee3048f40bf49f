/// The name of a projection: `user_profiles`.
///
/// It names tables, cache keys and settings, so it is 1 to 40 lower-case letters, digits and underscores, and begins
/// with a letter.
public struct ProjectionName: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The name as text.
    public let rawValue: String

    /// - Throws: `InvalidValue` when the name is not of the form above.
    public init(_ rawValue: String) throws(InvalidValue) {
        guard Self.isValid(rawValue) else {
            throw InvalidValue(
                "projection name",
                rawValue,
                expected: "1 to 40 lower-case letters, digits and underscores, beginning with a letter"
            )
        }
        self.rawValue = rawValue
    }

    /// Whether it comes first in the order of code points.
    public static func < (lhs: ProjectionName, rhs: ProjectionName) -> Bool {
        lhs.rawValue < rhs.rawValue
    }

    /// The name as text.
    public var description: String {
        rawValue
    }

    private static func isValid(_ name: String) -> Bool {
        guard let first = name.utf8.first, (1...40).contains(name.utf8.count) else {
            return false
        }
        let letters = UInt8(ascii: "a")...UInt8(ascii: "z")
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        return letters.contains(first)
            && name.utf8.allSatisfy { letters.contains($0) || digits.contains($0) || $0 == UInt8(ascii: "_") }
    }
}

extension ProjectionName: ExpressibleByStringLiteral {
    /// A name written in code; one that is not valid stops the program.
    public init(stringLiteral value: String) {
        precondition(Self.isValid(value), "'\(value)' is not a projection name")
        rawValue = value
    }
}
