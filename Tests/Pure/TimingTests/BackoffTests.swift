import Testing
import Timing

@Suite("Waiting times between attempts")
struct BackoffTests {
    private let start = ContinuousClock.now

    @Test("They double from 50 ms up to 5 s")
    func doubling() {
        var backoff = Backoff(limit: nil)
        let delays = (0..<12).map { _ in backoff.next(now: start, random: 1) }
        #expect(delays.prefix(4) == [.milliseconds(50), .milliseconds(100), .milliseconds(200), .milliseconds(400)])
        #expect(delays.suffix(5).allSatisfy { $0 == .seconds(5) })
    }

    @Test("They differ by chance, by half at most")
    func jitter() {
        var backoff = Backoff(limit: nil)
        #expect(backoff.next(now: start, random: 0) == .milliseconds(25))
        for _ in 0..<100 {
            var backoff = Backoff(limit: nil)
            let delay = backoff.next() ?? .zero
            #expect(delay >= .milliseconds(25) && delay <= .milliseconds(50))
        }
    }

    @Test("After the limit, counted from the first failure, there are no more")
    func limit() {
        var backoff = Backoff(limit: .seconds(60))
        #expect(backoff.next(now: start) != nil)
        #expect(backoff.next(now: start + .seconds(60)) != nil)
        #expect(backoff.next(now: start + .seconds(61)) == nil)
        #expect(backoff.next(now: start + .seconds(61)) == nil)
    }

    @Test("Without a limit it goes on for ever")
    func forEver() {
        var backoff = Backoff(limit: nil)
        #expect(backoff.next(now: start) != nil)
        for hour in 1...2000 { #expect(backoff.next(now: start + .seconds(3600 * hour)) != nil) }
    }

    @Test("After things went well it starts small again")
    func reset() {
        var backoff = Backoff(limit: .seconds(60))
        for _ in 0..<10 { _ = backoff.next(now: start) }
        backoff.reset()
        #expect(backoff.next(now: start + .seconds(1000), random: 1) == .milliseconds(50))
    }
}
