package import Refold

/// The commit window that is open: what was folded since the one before was closed, and when this one is due.
package struct OpenWindow {
    /// The checkpoint that it starts from.
    package private(set) var start: GlobalPosition
    /// Events applied or set aside.
    package private(set) var events = 0
    private var deadLetters: [DeadLetter] = []
    private var opened: ContinuousClock.Instant
    private var knowsFirstEvent: Bool
    private let limits: WindowLimits

    /// - Parameter knowsFirstEvent: whether it is noted down which is the log's first event.
    package init(
        at start: GlobalPosition,
        _ limits: WindowLimits,
        knowsFirstEvent: Bool,
        now: ContinuousClock.Instant = .now
    ) {
        self.start = start
        self.limits = limits
        self.knowsFirstEvent = knowsFirstEvent
        opened = now
    }

    /// Takes what a pass did in.
    package mutating func add(_ pass: BatchFolder.Pass) {
        events += pass.events
        deadLetters += pass.deadLetters
    }

    /// Whether the window is to be closed although more events are waiting.
    ///
    /// - Parameter changedBytes: what would be encoded beside the rows, when that is limited.
    package func isDue(changedBytes: Int, of limit: Int, now: ContinuousClock.Instant = .now) -> Bool {
        changedBytes > limit || events >= limits.events || (events > 0 && now - opened >= limits.time)
    }

    /// Closes the window at a checkpoint and opens the next one there.
    package mutating func close(
        at end: GlobalPosition,
        _ rows: CommitWindow.Rows,
        _ hotRows: HotRows,
        now: ContinuousClock.Instant = .now
    ) -> CommitWindow {
        let seconds = (now - opened) / .seconds(1)
        let window = CommitWindow(
            from: start,
            to: end,
            events: events,
            rate: seconds > 0 ? Double(events) / seconds : nil,
            rows: rows,
            deadLetters: deadLetters,
            hotRows: hotRows,
            isFirst: !knowsFirstEvent && events > 0
        )
        self = OpenWindow(at: end, limits, knowsFirstEvent: knowsFirstEvent || events > 0, now: now)
        return window
    }
}
