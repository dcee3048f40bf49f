public import Refold

/// What a rebuild would read, build and drop.
public struct RebuildPlan: Sendable {
    /// How much there is of one type of event.
    public struct TypeShare: Sendable {
        /// The type's name.
        public let type: String
        /// How many events.
        public let events: Int64
        /// Bytes of their payloads as the table stores them.
        public let bytes: Int64
    }

    /// What would happen to one projection.
    public struct Step: Sendable {
        /// The projection.
        public let projection: ProjectionName
        /// The half-built or ready generation it would resume; nil for a new one.
        public let resumed: GenerationNumber?
        /// The position it would start from.
        public let start: GlobalPosition
        /// Whether it only has to be pointed at.
        public let isReady: Bool
        /// The generation that is live now; it would be kept for rollback.
        public let live: GenerationNumber?
        /// Generations that would be dropped.
        public let dropped: [GenerationNumber]
        /// Bytes that dropping them frees.
        public let droppedBytes: Int64
        /// Bytes that the new generation will take, as the live one does; nil when there is none.
        public let expectedBytes: Int64?
        /// Positions a second of the last rebuild, interruptions included; nil when there was none.
        public let lastRate: Double?
    }

    /// The position up to which it would read.
    public let head: GlobalPosition
    /// What it would read, the type with the most events first.
    public let types: [TypeShare]
    /// False when ``types`` is extrapolated from a sample of the table's pages.
    public let isExact: Bool
    /// What would happen to each projection.
    public let steps: [Step]

    /// How long it takes at the rate of the slowest last rebuild; nil when no rate is known for one of them.
    public var time: Duration? {
        var longest = 0.0
        for step in steps where !step.isReady {
            guard let rate = step.lastRate, rate > 0 else { return nil }
            longest = max(longest, Double(head.rawValue - step.start.rawValue) / rate)
        }
        return .atMostAges(seconds: longest)
    }
}

extension Duration {
    /// An estimate; 30,000 years for all that is longer, which need not fit a duration.
    package static func atMostAges(seconds: Double) -> Duration { .seconds(min(seconds, 1e12)) }
}
