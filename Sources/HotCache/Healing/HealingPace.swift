/// How often a generation may be healed: a healing reads the whole table, and folding needs the machine too.
package struct HealingPace: Sendable, Equatable {
    package private(set) var failures = 0
    private var cause: String?
    /// Whether the last failure had another cause than the one before.
    package private(set) var isNewCause = false
    package internal(set) var notBefore: ContinuousClock.Instant

    package init(notBefore: ContinuousClock.Instant) {
        self.notBefore = notBefore
    }

    /// After a success the generation rests nine times as long as it took.
    package static func after(_ cost: Duration, at now: ContinuousClock.Instant) -> HealingPace {
        HealingPace(notBefore: now + cost * 9)
    }

    /// After failures it rests longer and longer.
    package func afterFailure(_ cause: String, at now: ContinuousClock.Instant) -> HealingPace {
        var pace = HealingPace(notBefore: now + min(Duration.milliseconds(250) * (1 << min(failures, 7)), .seconds(30)))
        pace.failures = failures + 1
        pace.cause = cause
        pace.isNewCause = cause != self.cause
        return pace
    }
}
