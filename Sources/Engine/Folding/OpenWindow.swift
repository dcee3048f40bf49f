package import Refold

/// The commit window that is open: what was folded since the one before was closed.
package struct OpenWindow {
    /// The checkpoint that it starts from.
    package private(set) var start: GlobalPosition
    /// Events applied or set aside.
    package private(set) var events = 0
    /// When it was opened.
    package private(set) var opened: ContinuousClock.Instant
    private var deadLetters: [DeadLetter] = []
    /// What the events set aside take in memory.
    package private(set) var deadLetterBytes = 0
    private var knowsFirstEvent: Bool

    /// - Parameter knowsFirstEvent: whether the log's first event is recorded.
    package init(at start: GlobalPosition, knowsFirstEvent: Bool, now: ContinuousClock.Instant) {
        self.start = start
        self.knowsFirstEvent = knowsFirstEvent
        opened = now
    }

    /// Takes in the result of a pass.
    package mutating func add(_ pass: BatchFolder.Pass) {
        events += pass.events
        deadLetters += pass.deadLetters
        deadLetterBytes += pass.deadLetters.reduce(0) { $0 + $1.bytes }
    }

    /// Closes the window at a checkpoint and opens the next one there.
    package mutating func close(
        at end: GlobalPosition,
        _ rows: CommitWindow.Rows,
        _ hotRows: HotRows,
        emissions: [Emission] = [],
        now: ContinuousClock.Instant
    ) -> CommitWindow {
        let seconds = (now - opened) / .seconds(1)
        let window = CommitWindow(
            from: start,
            to: end,
            events: events,
            rate: seconds > 0 ? Double(events) / seconds : nil,
            rows: rows,
            deadLetters: deadLetters,
            emissions: emissions,
            hotRows: hotRows,
            isFirst: !knowsFirstEvent && events > 0
        )
        self = OpenWindow(at: end, knowsFirstEvent: knowsFirstEvent || events > 0, now: now)
        return window
    }
}
