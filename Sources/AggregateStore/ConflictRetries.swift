internal import Timing

/// How often a decision is made again when another writer was faster, and after how long.
///
/// Each wait is drawn from zero up to a limit that doubles ("full jitter", which separates writers best:
/// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
public struct ConflictRetries: Sendable, Hashable {
    /// How often at most a decision is made; at least 1. Default 3.
    public var attempts: Int
    /// The longest wait after the first attempt; it doubles with each further one. Default 100 ms.
    public var firstWait: Duration
    /// The bound of the longest wait. Default 10 s.
    public var longestWait: Duration

    /// - Parameters are the properties.
    public init(
        attempts: Int = 3,
        firstWait: Duration = .milliseconds(100),
        longestWait: Duration = .seconds(10)
    ) {
        self.attempts = max(1, attempts)
        self.firstWait = firstWait
        self.longestWait = longestWait
    }

    /// Decisions are made once.
    public static let never = ConflictRetries(attempts: 1)

    /// The limit of the wait after so many attempts, the first being 1.
    public func limit(afterAttempt attempt: Int) -> Duration { backoff.delay(afterFailures: attempt) }

    /// The wait after so many attempts: anything up to the limit, all equally likely.
    public func wait(afterAttempt attempt: Int, using generator: inout some RandomNumberGenerator) -> Duration {
        backoff.delay(afterFailures: attempt, random: Double.random(in: 0...1, using: &generator))
    }

    private var backoff: Backoff { Backoff(first: firstWait, longest: longestWait, leastShare: 0) }
}
