import HotCache
import Testing

@Suite("When the cache's pointers are compared")
struct PointerScheduleTests {
    private let start = ContinuousClock.now

    private func time(_ milliseconds: Int) -> ContinuousClock.Instant { start + .milliseconds(milliseconds) }

    @Test("At the start and every second")
    func everySecond() {
        var schedule = PointerSchedule(at: start)
        let checks = stride(from: 0, through: 3000, by: 100).filter { schedule.beginCheck(at: time($0), openedAt: nil) }
        #expect(checks == [0, 1000, 2000, 3000])
    }

    @Test("Sooner when something waits for it, and never later")
    func sooner() {
        var schedule = PointerSchedule(at: start)
        let checks = [0, 19, 20, 1000, 1020].filter { now in
            if now == 19 {
                schedule.check(by: time(20))
                schedule.check(by: time(5000))
            }
            return schedule.beginCheck(at: time(now), openedAt: start)
        }
        #expect(checks == [0, 20, 1020])
    }

    @Test("At once after the server was reached anew")
    func reconnected() {
        var schedule = PointerSchedule(at: start)
        let checks = [0, 301, 302].filter { now in
            schedule.beginCheck(at: time(now), openedAt: now == 0 ? start : time(300))
        }
        #expect(checks == [0, 301])
    }

    @Test("They are renewed a second after the last comparison or renewal")
    func renewed() {
        var schedule = PointerSchedule(at: start)
        let renewals = [0, 999, 1000, 1999, 2500, 3499, 3500].filter { now in
            // A comparison renews, too.
            if now == 2500 { return !schedule.beginCheck(at: time(now), openedAt: nil) }
            return schedule.beginRenewal(at: time(now))
        }
        #expect(renewals == [1000, 3500])
    }
}
