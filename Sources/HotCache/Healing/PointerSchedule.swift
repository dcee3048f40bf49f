/// When the pointers are compared and renewed: every second, and at once when the cache's server was reached again.
package struct PointerSchedule: Sendable {
    private static let interval: Duration = .seconds(1)

    private var nextCheck: ContinuousClock.Instant
    private var checkedAt: ContinuousClock.Instant
    private var renewedAt: ContinuousClock.Instant

    package init(at now: ContinuousClock.Instant) {
        (nextCheck, checkedAt, renewedAt) = (now, now, now)
    }

    /// Whether the pointers are to be compared and renewed now; if so, this counts as done.
    ///
    /// - Parameter openedAt: when the server was reached last: what happened before that is not known.
    package mutating func beginCheck(at now: ContinuousClock.Instant, openedAt: ContinuousClock.Instant?) -> Bool {
        guard nextCheck <= now || openedAt.map({ $0 > checkedAt }) ?? false else { return false }
        nextCheck = now + Self.interval
        (checkedAt, renewedAt) = (now, now)
        return true
    }

    /// The pointers are to be compared at this time, if that is before their turn.
    package mutating func check(by time: ContinuousClock.Instant) { nextCheck = min(nextCheck, time) }

    /// Whether the pointers are to be renewed although they cannot be compared now; if so, this counts as done.
    package mutating func beginRenewal(at now: ContinuousClock.Instant) -> Bool {
        guard renewedAt + Self.interval <= now else { return false }
        renewedAt = now
        return true
    }
}
