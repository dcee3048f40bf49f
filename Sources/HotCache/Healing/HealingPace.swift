/// How often a generation may be healed: a healing reads the whole table, and folding needs the machine too.
struct HealingPace: Sendable, Equatable {
    private(set) var failures = 0
    var notBefore: ContinuousClock.Instant

    init(notBefore: ContinuousClock.Instant) {
        self.notBefore = notBefore
    }

    /// After a success the generation rests nine times as long as it took.
    static func after(_ cost: Duration, at now: ContinuousClock.Instant) -> HealingPace {
        HealingPace(notBefore: now + cost * 9)
    }

    /// After failures it rests longer and longer.
    func afterFailure(at now: ContinuousClock.Instant) -> HealingPace {
        var pace = HealingPace(notBefore: now + min(Duration.milliseconds(250) * (1 << min(failures, 7)), .seconds(30)))
        pace.failures = failures + 1
        return pace
    }
}
