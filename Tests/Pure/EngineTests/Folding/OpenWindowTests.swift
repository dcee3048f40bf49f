import Engine
import Refold
import TestProjections
import Testing

/// What goes into a window; no server, no waiting.
@Suite("The open window")
struct OpenWindowTests {
    private let start = ContinuousClock.now

    private func window(knowsFirstEvent: Bool = true) -> OpenWindow {
        OpenWindow(at: 50, knowsFirstEvent: knowsFirstEvent, now: start)
    }

    private func pass(_ events: Int, letters: [DeadLetter] = []) -> BatchFolder.Pass {
        BatchFolder.Pass(end: events, events: events, deadLetters: letters)
    }

    @Test("Closed, it says what was in it, and the next one begins where it ended")
    func closes() {
        var window = window(knowsFirstEvent: false)
        let letter = DeadLetter(position: 60, type: "thing.put", error: "no")
        window.add(pass(20, letters: [letter]))
        window.add(pass(20))
        let first = window.close(at: 90, .replacements([]), .none, now: start + .seconds(4))
        #expect(first.from == 50 && first.to == 90 && first.events == 40 && first.rate == 10)
        #expect(first.deadLetters.map(\.position) == [60] && first.isFirst)
        #expect(window.start == 90 && window.events == 0)
        #expect(window.opened == start + .seconds(4))
        window.add(pass(1))
        let second = window.close(at: 91, .replacements([]), .none, now: start + .seconds(14))
        #expect(second.from == 90 && second.deadLetters.isEmpty && !second.isFirst)
    }

    @Test("The first event is only noted down with a window that has one")
    func firstEvent() {
        var window = window(knowsFirstEvent: false)
        let empty = window.close(at: 60, .replacements([]), .none, now: start)
        window.add(pass(1))
        let first = window.close(at: 61, .replacements([]), .none, now: start)
        #expect(!empty.isFirst && first.isFirst)
    }
}
