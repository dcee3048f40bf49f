/// Waiting times between attempts: exponential, with jitter, so that those who failed together do not return together.
package struct Backoff {
    /// No attempt begins later than this after the first failure; nil for ever.
    package let limit: Duration?
    private var failures = 0
    private var firstFailure: ContinuousClock.Instant?

    private static let first: Duration = .milliseconds(50)
    private static let longest: Duration = .seconds(5)

    package init(limit: Duration?) {
        self.limit = limit
    }

    /// How long to wait before the next attempt; nil when the limit is reached.
    package mutating func next(
        now: ContinuousClock.Instant = .now,
        random: Double = .random(in: 0.5...1)
    ) -> Duration? {
        let start = firstFailure ?? now
        firstFailure = start
        if let limit, now - start > limit { return nil }
        let delay = min(Self.first * (1 << min(failures, 10)), Self.longest) * random
        failures += 1
        return delay
    }

    /// Starts small again after things went well.
    package mutating func reset() {
        failures = 0
        firstFailure = nil
    }
}
