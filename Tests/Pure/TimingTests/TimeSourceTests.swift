import TestSupport
import Testing
import Timing

@Suite("A source of time")
struct TimeSourceTests {
    @Test("Of a test's clock it moves as the clock is moved")
    func moves() {
        let clock = TestClock()
        clock.advance(by: .seconds(100))
        let time = TimeSource(clock)
        let start = time.now
        clock.advance(by: .milliseconds(1_500))
        #expect(time.now - start == .milliseconds(1_500))
    }

    @Test("Who sleeps wakes when the clock has come so far, and not before")
    func sleeps() async throws {
        let clock = TestClock()
        let time = TimeSource(clock)
        async let slept: Void = time.sleep(for: .seconds(10))
        while clock.sleepers == 0 { await Task.yield() }
        clock.advance(by: .milliseconds(9_999))
        #expect(clock.sleepers == 1)
        clock.advance(by: .milliseconds(1))
        try await slept
        #expect(clock.sleepers == 0)
    }

    @Test("A cancelled sleep ends")
    func cancelled() async {
        let time = TimeSource(TestClock())
        let sleeping = Task { try await time.sleep(for: .seconds(10)) }
        sleeping.cancel()
        await #expect(throws: CancellationError.self) { try await sleeping.value }
    }

    @Test("The machine's never goes back")
    func machine() {
        let first = TimeSource.machine.now
        #expect(TimeSource.machine.now >= first)
    }
}
