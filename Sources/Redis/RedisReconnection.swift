/// When to try again to connect: the delay doubles with each failure and carries a random part, so that many clients of
/// a server that comes back do not arrive at once.
///
/// A pure value: the caller passes the time and the random number in, connects when told to, and reports what came of
/// it. A connection must live for a while before the delay starts small again, or a server that accepts and hangs up
/// would be tried without pause.
public struct RedisReconnection: Sendable, Equatable {
    /// What to do now.
    public enum Action: Sendable, Equatable {
        /// Connect, and report `connected` or `failed`.
        case connect
        /// Nothing before this much time has passed.
        case wait(Duration)
        /// Nothing: there is a connection.
        case none
    }

    private enum State: Sendable, Equatable {
        /// To `connected` or back to itself with a later instant.
        case disconnected(until: ContinuousClock.Instant?)
        /// To `disconnected`.
        case connected(since: ContinuousClock.Instant)
    }

    /// The delay after the first failure, before its random part.
    public let first: Duration
    /// The longest delay, and how long a connection must live to count as a recovery.
    public let longest: Duration
    /// Failures since the last connection that lasted.
    public private(set) var failures = 0
    private var state = State.disconnected(until: nil)

    /// - Parameters:
    ///   - first: 50 ms unless told otherwise; at least 1 ms.
    ///   - longest: 5 s unless told otherwise; at least `first`.
    public init(first: Duration = .milliseconds(50), longest: Duration = .seconds(5)) {
        self.first = max(first, .milliseconds(1))
        self.longest = max(longest, self.first)
    }

    /// What to do at this instant.
    public func action(at now: ContinuousClock.Instant) -> Action {
        switch state {
        case .connected: .none
        case .disconnected(let until?) where until > now: .wait(now.duration(to: until))
        case .disconnected: .connect
        }
    }

    /// Reports a connection.
    public mutating func connected(at now: ContinuousClock.Instant) {
        state = .connected(since: now)
    }

    /// Reports that connecting failed, or that the connection was lost.
    ///
    /// - Parameter random: evenly distributed in 0..<1. The wait is between a half and the whole of the delay.
    public mutating func failed(at now: ContinuousClock.Instant, random: Double) {
        if case .connected(let since) = state, since.duration(to: now) >= longest { failures = 0 }
        let doublings = min(failures, 30)
        failures += 1
        let delay = min(first * (1 << doublings), longest)
        state = .disconnected(until: now + delay * (0.5 + 0.5 * min(max(random, 0), 1)))
    }
}
