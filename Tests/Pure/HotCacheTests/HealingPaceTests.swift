import HotCache
import Testing

@Suite("How often a generation's cache is healed")
struct HealingPaceTests {
    private let now = ContinuousClock.now

    @Test("After a success it rests nine times as long as that took")
    func success() {
        let pace = HealingPace.after(.milliseconds(200), at: now)
        #expect(pace.notBefore == now + .milliseconds(1800))
        #expect(pace.failures == 0)
    }

    @Test("After failures it rests longer and longer, half a minute at most")
    func failures() {
        var pace = HealingPace(notBefore: now)
        var rests: [Duration] = []
        for _ in 1...10 {
            pace = pace.afterFailure("full", at: now)
            rests.append(pace.notBefore - now)
        }
        #expect(
            rests
                == [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000].map { Duration.milliseconds($0) }
        )
        #expect(pace.failures == 10)
    }

    @Test("A success ends the row of failures")
    func afterSuccess() {
        let failed = HealingPace(notBefore: now).afterFailure("full", at: now).afterFailure("full", at: now)
        #expect(failed.failures == 2)
        #expect(HealingPace.after(.zero, at: now).afterFailure("full", at: now).notBefore == now + .milliseconds(250))
    }

    @Test("A cause is new once, until another one or a success comes in between")
    func causes() {
        var pace = HealingPace(notBefore: now)
        var news: [Bool] = []
        for cause in ["full", "full", "out of range", "out of range", "full"] {
            pace = pace.afterFailure(cause, at: now)
            news.append(pace.isNewCause)
        }
        #expect(news == [true, false, true, false, true])
        #expect(HealingPace.after(.zero, at: now).afterFailure("full", at: now).isNewCause)
    }
}
