/// How many events are read and dispatched together: 1 to 10,000, by default 100.
public struct BatchSize: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The allowed sizes.
    public static let range = 1...10_000

    /// 100 events.
    public static let `default` = BatchSize(unchecked: 100)

    /// The number of events.
    public let count: Int

    /// - Throws: `InvalidValue` when the count is not within `range`.
    public init(_ count: Int) throws(InvalidValue) {
        guard Self.range.contains(count) else {
            throw InvalidValue("batch size", String(count), expected: "a number of events from 1 to 10000")
        }
        self.count = count
    }

    private init(unchecked count: Int) {
        self.count = count
    }

    /// Whether it is the smaller one.
    public static func < (lhs: BatchSize, rhs: BatchSize) -> Bool {
        lhs.count < rhs.count
    }

    /// The number of events.
    public var description: String {
        String(count)
    }
}
