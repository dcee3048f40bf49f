internal import Synchronization

/// When leases whose age the server's clock cannot tell were first seen: those of another server run.
package final class Sightings: Sendable {
    private let firstSeen = Mutex<[String: ContinuousClock.Instant]>([:])

    package init() {}

    /// What can be done about an owner now.
    package func judge(_ ownership: Ownership, at now: ContinuousClock.Instant) -> Ownership.Judgement {
        let seen = firstSeen.withLock { firstSeen in
            guard ownership.isOfOtherRun else {
                firstSeen[ownership.leaseID] = nil
                return now
            }
            let seen = firstSeen[ownership.leaseID] ?? now
            firstSeen[ownership.leaseID] = seen
            return seen
        }
        return ownership.judge(firstSeen: seen, now: now, isDead: ownership.process.isKnownToBeDead)
    }
}
