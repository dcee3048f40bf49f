internal import EventStore
internal import Postgres
package import Refold
internal import Timing

/// Decides what a projection's tail does after an error, and remembers what is not repaired yet.
package struct TailRecovery {
    package enum Action: Sendable, Hashable {
        /// The generation was taken over, or another one is live: opens the live one at once.
        case reopen
        /// The database refused rows: starts again at once, with smaller windows to find the event.
        case narrow
        /// Another daemon owns the generation: the daemons settle among themselves whose it is to be.
        case yield(Duration)
        /// The cause may pass.
        case retry(Duration)
        /// Only an operator can help: a reset, a rebuild, another policy with a restart.
        case stop
    }

    /// Smaller windows, while an event is looked for that the database refuses.
    package private(set) var bisection = FaultBisection()
    /// What interrupted the tail last, until everything folded by then is committed.
    package private(set) var interruption: (any Error)?
    /// The furthest position folded.
    private var folded = GlobalPosition.zero
    private var backoff = Backoff(limit: nil)
    private var hasReopened = false
    private let isForEver: Bool

    /// - Parameter isForEver: false for a tail that ends when it has caught up, which waits for no other owner.
    package init(isForEver: Bool) {
        self.isForEver = isForEver
    }

    /// Takes in an error.
    ///
    /// - Parameter folded: how far the runner that it ended had folded, if there was one.
    package mutating func action(
        after error: any Error,
        folded position: GlobalPosition?,
        now: ContinuousClock.Instant
    ) -> Action {
        folded = max(folded, position ?? .zero)
        let code = (error as? EngineError)?.code
        // Once more at once is enough for a pointer that has moved; what then is still refused has another cause.
        if code == .fenced && !hasReopened {
            hasReopened = true
            return .reopen
        }
        if bisection.narrow(after: error) { return .narrow }
        if code == .owned && isForEver { return .yield(backoff.next(now: now) ?? .seconds(1)) }
        interruption = error
        return error.isTransient || code == .fenced ? .retry(backoff.next(now: now) ?? .seconds(1)) : .stop
    }

    /// A runner was opened: the generation is this process's.
    package mutating func opened() { hasReopened = false }

    /// A runner has ended well, and everything up to a position is committed.
    package mutating func succeeded(through committed: GlobalPosition) {
        if committed >= folded { interruption = nil }
        backoff.reset()
    }

    /// Whether an error at the start of a daemon stops its projection and leaves the others alone.
    package static func stopsOne(_ error: any Error) -> Bool {
        switch error {
        case let error as EngineError: error.code == .identityDiffers || error.code == .cannotEmit
        // Such as a table that was dropped.
        case let error as PostgresError: !error.isTransient
        case let error as EventStoreError: error.code == .otherLog || error.code == .logShrank
        default: false
        }
    }
}
