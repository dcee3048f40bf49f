/// Waiting times between attempts: the delay doubles with each failure up to the longest, and a part of it is left to
/// chance, so that clients that failed together do not come back together.
package struct Backoff: Sendable, Equatable {
    /// The delay after the first failure, before its random part.
    package let first: Duration
    /// What the delay does not grow beyond.
    package let longest: Duration
    /// The share of a delay that is waited in any case; the rest is left to chance.
    package let leastShare: Double
    /// No attempt begins later than this after the first failure; nil for ever.
    package let limit: Duration?
    /// Failures since the last reset.
    package private(set) var failures = 0
    private var firstFailure: ContinuousClock.Instant?

    package init(
        first: Duration = .milliseconds(50),
        longest: Duration = .seconds(5),
        leastShare: Double = 0.5,
        limit: Duration? = nil
    ) {
        self.first = first
        self.longest = longest
        self.leastShare = leastShare
        self.limit = limit
    }

    /// How long to wait after a failure; nil when the limit is reached.
    ///
    /// - Parameter random: evenly distributed from 0 to 1.
    package mutating func next(
        now: ContinuousClock.Instant = .now,
        random: Double = .random(in: 0...1)
    ) -> Duration? {
        let start = firstFailure ?? now
        firstFailure = start
        if let limit, now - start > limit { return nil }
        failures += 1
        return delay(afterFailures: failures, random: random)
    }

    /// The delay after so many failures, 1 being the first; without a random number the longest it may be.
    package func delay(afterFailures failures: Int, random: Double = 1) -> Duration {
        var delay = first
        var doublings = failures - 1
        while doublings > 0, delay > .zero, delay < longest {
            delay *= 2
            doublings -= 1
        }
        return min(delay, longest) * (leastShare + (1 - leastShare) * random)
    }

    /// Starts small again after things went well.
    package mutating func reset() {
        failures = 0
        firstFailure = nil
    }
}
