import AggregateStore
import Testing

@Suite("Waits between attempts")
struct ConflictRetriesTests {
    @Test("The limit doubles from 100 ms, up to the longest")
    func limits() {
        let retries = ConflictRetries()
        #expect(retries.attempts == 3)
        #expect((1...4).map { retries.limit(afterAttempt: $0) } == [100, 200, 400, 800].map { .milliseconds($0) })
        #expect(retries.limit(afterAttempt: 7) == .milliseconds(6_400))
        #expect(retries.limit(afterAttempt: 8) == .seconds(10))
        #expect(retries.limit(afterAttempt: .max) == .seconds(10))
        #expect(ConflictRetries(firstWait: .seconds(60)).limit(afterAttempt: 1) == .seconds(10))
        #expect(ConflictRetries(attempts: 0).attempts == 1)
    }

    @Test("Waits are spread over everything up to the limit")
    func jitter() {
        let retries = ConflictRetries()
        var generator = SystemRandomNumberGenerator()
        for attempt in 1...3 {
            let limit = retries.limit(afterAttempt: attempt)
            let waits = (0..<1_000).map { _ in retries.wait(afterAttempt: attempt, using: &generator) }
            #expect(waits.allSatisfy { $0 >= .zero && $0 <= limit })
            // All thousand on one side of a tenth: less likely than 10^-45.
            #expect(waits.contains { $0 < limit / 10 })
            #expect(waits.contains { $0 > limit * 9 / 10 })
        }
    }
}
