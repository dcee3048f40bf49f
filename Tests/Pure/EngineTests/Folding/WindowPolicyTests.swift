import Engine
import Postgres
import Refold
import Testing

/// When a window commits; no server, no waiting.
@Suite("The window policy")
struct WindowPolicyTests {
    private let start = ContinuousClock.now

    private func policy(_ bisection: FaultBisection = FaultBisection(), budget: Int = 40) -> WindowPolicy {
        var settings = EngineSettings()
        settings.windowTime = .seconds(10)
        settings.windowEvents = 100
        return WindowPolicy(WindowLimits(settings, bisection: bisection), budget: budget)
    }

    private func window(_ events: Int) -> OpenWindow {
        var window = OpenWindow(at: 50, knowsFirstEvent: true, now: start)
        window.add(BatchFolder.Pass(end: events, events: events))
        return window
    }

    private let memory = WindowPolicy.State(phase: .memory, isLive: false)
    private let liveMemory = WindowPolicy.State(phase: .memory, isLive: true)
    private let settled = WindowPolicy.State(phase: .settled, isLive: true)

    private func changed(_ bytes: Int, _ state: WindowPolicy.State) -> WindowPolicy.State {
        var state = state
        state.changedBytes = bytes
        return state
    }

    /// After this error of the database batches commit one by one, after a second one events do.
    private func narrowed(_ times: Int) -> FaultBisection {
        var bisection = FaultBisection()
        var error = PostgresError(.server, operation: "commit", message: "value too long")
        error.sqlState = SQLState("22001")
        for _ in 0..<times { _ = bisection.narrow(after: error) }
        return bisection
    }

    @Test("Between batches a window is closed when it has the events, or when the time is over and it has any")
    func due() {
        let policy = policy()
        let hour = start + .seconds(3_600)
        #expect(policy.action(at: .folded, window(0), settled, now: hour) == .none, "nothing is in it")
        #expect(policy.action(at: .folded, window(99), settled, now: start + .milliseconds(9_999)) == .none)
        #expect(policy.action(at: .folded, window(99), settled, now: start + .seconds(10)) == .close)
        #expect(policy.action(at: .folded, window(100), memory, now: start) == .close)
    }

    @Test("It is closed when more was emitted than is sent at once, however it is written")
    func emitted() {
        let policy = policy()
        for state in [memory, liveMemory, settled] {
            var state = state
            state.emittedBytes = policy.mostChangedBytes
            #expect(policy.action(at: .folded, window(1), state, now: start) == .none)
            state.emittedBytes += 1
            #expect(policy.action(at: .folded, window(1), state, now: start) == .close)
        }
    }

    @Test("It is closed when more has changed than is encoded at once, unless it is only appended")
    func bytes() {
        let policy = policy()
        #expect(policy.mostChangedBytes == 10)
        #expect(policy.action(at: .folded, window(1), changed(10, settled), now: start) == .none)
        #expect(policy.action(at: .folded, window(1), changed(11, settled), now: start) == .close)
        #expect(policy.action(at: .folded, window(1), changed(11, memory), now: start) == .none)
        #expect(self.policy(budget: 1 << 40).mostChangedBytes == 32 << 20)
    }

    @Test("It is closed when the events set aside take more than is encoded at once, however it is written")
    func deadLetters() {
        let policy = policy(budget: 4_000)
        var window = window(0)
        var letters = 0
        while window.deadLetterBytes <= policy.mostChangedBytes {
            #expect(policy.action(at: .folded, window, memory, now: start) == .none)
            let letter = DeadLetter(position: 51, type: "thing.put", error: String(repeating: "x", count: 100))
            window.add(BatchFolder.Pass(end: 1, events: 1, deadLetters: [letter]))
            letters += 1
        }
        #expect((2...10).contains(letters), "each counts with its texts")
        #expect(policy.action(at: .folded, window, memory, now: start) == .close)
        #expect(policy.action(at: .folded, window, settled, now: start) == .close)
        _ = window.close(at: 60, .replacements([]), .none, now: start)
        #expect(policy.action(at: .folded, window, changed(policy.mostChangedBytes, settled), now: start) == .none)
    }

    @Test("While a fault is looked for each batch commits, and then each event")
    func fault() {
        for times in 1...2 {
            let policy = policy(narrowed(times))
            #expect(policy.action(at: .folded, window(1), settled, now: start) == .commit)
            #expect(policy.findsSingleEvents == (times == 2))
        }
        #expect(policy().parts(of: 3..<6) == [3..<6])
        #expect(policy(narrowed(1)).parts(of: 3..<6) == [3..<6])
        #expect(policy(narrowed(2)).parts(of: 3..<6) == [3..<4, 4..<5, 5..<6])
    }

    @Test("At the head a settled generation commits, a live one is settled, and one that is built goes on")
    func head() {
        let policy = policy()
        #expect(policy.action(at: .atHead, window(1), settled, now: start) == .close)
        #expect(policy.action(at: .atHead, window(1), liveMemory, now: start) == .settle)
        #expect(policy.action(at: .atHead, window(1), memory, now: start) == .none)
    }

    @Test("Rows that take too much are settled first, and leave memory once they have a key")
    func full() {
        let policy = policy()
        #expect(policy.action(at: .full(room: 7), window(1), memory, now: start) == .settle)
        #expect(policy.action(at: .full(room: 7), window(1), settled, now: start) == .evict(room: 7))
    }

    @Test("At the end everything commits, and what readers wait for is settled")
    func end() {
        let policy = policy()
        #expect(policy.action(at: .atEnd, window(1), settled, now: start) == .commit)
        #expect(policy.action(at: .atEnd, window(1), memory, now: start) == .commit)
        #expect(policy.action(at: .atEnd, window(1), liveMemory, now: start) == .settle)
    }

    @Test("Within the pointing transaction no window commits, whatever there is", arguments: 0...2)
    func pointing(narrowed times: Int) {
        let policy = policy(narrowed(times))
        let state = WindowPolicy.State(phase: .settled, isLive: false, isPointing: true, changedBytes: .max)
        for moment in [WindowPolicy.Moment.folded, .atHead, .full(room: 1), .atEnd] {
            #expect(policy.action(at: moment, window(1_000), state, now: start + .seconds(100)) == .none)
        }
    }
}
