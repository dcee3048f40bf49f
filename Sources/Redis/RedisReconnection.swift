internal import Timing

/// When to try again to connect: the delay doubles with each failure and carries a random part, so that many clients of
/// a server that comes back do not arrive at once.
///
/// A pure value: the caller passes the time and the random number in, connects when told to, and reports the outcome. A
/// connection must live for a while before the delay starts small again, or a server that accepts and hangs up would be
/// tried without pause.
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

    /// Failures since the last connection that lasted.
    public var failures: Int { backoff.failures }
    private var backoff: Backoff
    private var state = State.disconnected(until: nil)

    /// - Parameters:
    ///   - first: the delay after the first failure, before its random part: 50 ms by default; at least 1 ms.
    ///   - longest: the longest delay, and how long a connection must live to count as a recovery: 5 s by default; at
    ///     least `first`.
    public init(first: Duration = .milliseconds(50), longest: Duration = .seconds(5)) {
        let first = max(first, .milliseconds(1))
        backoff = Backoff(first: first, longest: max(longest, first))
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
        if case .connected(let since) = state, since.duration(to: now) >= backoff.longest { backoff.reset() }
        let delay = backoff.next(now: now, random: min(max(random, 0), 1)) ?? backoff.longest
        state = .disconnected(until: now + delay)
    }
}
