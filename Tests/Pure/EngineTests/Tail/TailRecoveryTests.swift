import Engine
import EventStore
import Postgres
import Refold
import Testing

/// What a tail does after an error; no server, no waiting.
@Suite("A tail after an error")
struct TailRecoveryTests {
    private let start = ContinuousClock.now

    private func error(_ code: EngineError.Code) -> EngineError { EngineError(code, "it failed", remedy: "none") }

    private let lost = PostgresError(.connectionLost, operation: "COMMIT", message: "gone")

    private var refused: PostgresError {
        var error = PostgresError(.server, operation: "commit", message: "value too long")
        error.sqlState = SQLState("22001")
        return error
    }

    @Test("A read is not repeated when a value cannot be read, or the log contradicts what is known of it")
    func interruption() {
        func reading(_ cause: PostgresError) -> TailInterruption {
            TailInterruption(EventStoreError.database("reading events", cause))
        }
        var unreadable = refused
        unreadable.sqlState = SQLState("22021")
        #expect(reading(unreadable) == .stays)
        #expect(reading(lost) == .passes)
        #expect(TailInterruption(EventStoreError(.logShrank, "shrank")) == .stays)
        #expect(TailInterruption(EventStoreError(.positionAboveSequence, "above")) == .stays)
        #expect(TailInterruption(EventStoreError(.storeChanged, "changed")) == .mayPass)
    }

    @Test("A generation that was taken over is opened again at once, and nothing is left to tell of")
    func fenced() {
        var recovery = TailRecovery(isForEver: true)
        #expect(recovery.action(after: error(.fenced), folded: 10, now: start) == .reopen)
        #expect(recovery.interruption == nil)
    }

    @Test("One that is taken over again before it could be opened is told of, and waited for longer each time")
    func fencedForGood() {
        var recovery = TailRecovery(isForEver: true)
        #expect(recovery.action(after: error(.fenced), folded: nil, now: start) == .reopen)
        for longest in [50, 100, 200] {
            guard case .retry(let delay) = recovery.action(after: error(.fenced), folded: nil, now: start) else {
                Issue.record("it does not wait")
                return
            }
            #expect(delay <= .milliseconds(longest) && delay >= .milliseconds(longest) / 2)
        }
        #expect((recovery.interruption as? EngineError)?.code == .fenced)
        recovery.opened()
        #expect(recovery.action(after: error(.fenced), folded: 10, now: start) == .reopen)
    }

    @Test("Another owner is waited for by a daemon, longer each time, and ends a run that is to end")
    func owned() {
        var recovery = TailRecovery(isForEver: true)
        for longest in [50, 100, 200] {
            guard case .yield(let delay) = recovery.action(after: error(.owned), folded: nil, now: start) else {
                Issue.record("it does not wait")
                return
            }
            #expect(delay <= .milliseconds(longest) && delay >= .milliseconds(longest) / 2)
        }
        #expect(recovery.interruption == nil)
        var ending = TailRecovery(isForEver: false)
        #expect(ending.action(after: error(.owned), folded: nil, now: start) == .stop)
    }

    @Test("An event that the database refuses is looked for at once")
    func narrow() {
        var recovery = TailRecovery(isForEver: true)
        #expect(recovery.action(after: refused, folded: 10, now: start) == .narrow)
        #expect(recovery.action(after: refused, folded: 10, now: start) == .narrow)
        let found = RefusedByDatabase(position: 7, cause: refused)
        #expect(recovery.action(after: found, folded: 10, now: start) == .narrow)
        #expect(recovery.interruption == nil)
    }

    @Test("What may pass is tried again, and is told of until what was folded then is committed")
    func transient() {
        var recovery = TailRecovery(isForEver: true)
        guard case .retry = recovery.action(after: lost, folded: 10, now: start) else {
            Issue.record("it does not try again")
            return
        }
        #expect(recovery.interruption is PostgresError)
        recovery.succeeded(through: 9)
        #expect(recovery.interruption != nil)
        recovery.succeeded(through: 10)
        #expect(recovery.interruption == nil)
    }

    @Test("What only an operator can help stops it")
    func stop() {
        var recovery = TailRecovery(isForEver: true)
        #expect(recovery.action(after: error(.stopped), folded: 10, now: start) == .stop)
        #expect((recovery.interruption as? EngineError)?.code == .stopped)
    }

    @Test("At the start, a generation that cannot be continued stops its projection alone")
    func atStart() {
        #expect(TailRecovery.stopsOne(error(.identityDiffers)))
        #expect(TailRecovery.stopsOne(refused))
        #expect(!TailRecovery.stopsOne(error(.owned)))
        #expect(!TailRecovery.stopsOne(lost))
    }
}
