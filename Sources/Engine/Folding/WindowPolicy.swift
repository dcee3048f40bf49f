/// Decides when the open window commits, and what happens to rows that take too much memory.
///
/// Its inputs, time included, are parameters, and it returns an action: ``ProjectionRunner`` performs it.
package struct WindowPolicy: Sendable {
    /// When it is asked.
    package enum Moment: Sendable, Hashable {
        /// After a batch, or an event of one while a single event is looked for; more are waiting.
        case folded
        /// After a block that ends at the high-water mark, when no other is waiting.
        case atHead
        /// More memory is needed than the rows may take: room for so many bytes.
        case full(room: Int)
        /// Nothing more is folded.
        case atEnd
    }

    /// What it decides from.
    package struct State: Sendable {
        /// How the generation is written at present.
        package var phase: GenerationPhase
        /// Readers are sent to the generation.
        package var isLive: Bool
        /// The writer's session is in the pointing transaction.
        package var isPointing: Bool
        /// Bytes of the rows that have changed since the window was opened.
        package var changedBytes: Int
        /// Bytes of what its events have emitted.
        package var emittedBytes: Int

        package init(
            phase: GenerationPhase,
            isLive: Bool,
            isPointing: Bool = false,
            changedBytes: Int = 0,
            emittedBytes: Int = 0
        ) {
            self.phase = phase
            self.isLive = isLive
            self.isPointing = isPointing
            self.changedBytes = changedBytes
            self.emittedBytes = emittedBytes
        }
    }

    package enum Action: Sendable, Hashable {
        /// The window stays open.
        case none
        /// The window is closed; folding continues while it commits.
        case close
        /// The window is closed, and folding continues when it has committed.
        case commit
        /// All rows are written into keyed tables, and the window commits with them.
        case settle
        /// The window commits, and rows leave memory until there is room for so many bytes.
        case evict(room: Int)
    }

    private let limits: WindowLimits
    /// Bytes encoded of one window in addition to the rows themselves, and of its dead letters: small against the
    /// budget.
    package let mostChangedBytes: Int

    /// - Parameter budget: bytes that the rows of all projections may take.
    package init(_ limits: WindowLimits, budget: Int) {
        self.limits = limits
        mostChangedBytes = min(32 << 20, budget / 4)
    }

    /// What is to be done at a moment.
    package func action(
        at moment: Moment,
        _ window: OpenWindow,
        _ state: State,
        now: ContinuousClock.Instant
    ) -> Action {
        // Nothing else can commit on the session: the pointing transaction is the window.
        if state.isPointing { return .none }
        switch moment {
        case .folded:
            if limits.bisection.step != .window { return .commit }
            return isDue(window, state, now: now) ? .close : .none
        case .atHead:
            if state.phase == .settled { return .close }
            // Readers have waited for this since the reset.
            return state.isLive ? .settle : .none
        case .full(let room):
            // A row that is missed costs too much where there is no key to find it by.
            return state.phase == .memory ? .settle : .evict(room: room)
        case .atEnd:
            return state.isLive && state.phase == .memory ? .settle : .commit
        }
    }

    /// Whether the window is closed although more events are waiting.
    private func isDue(_ window: OpenWindow, _ state: State, now: ContinuousClock.Instant) -> Bool {
        // A generation built in memory is appended row by row: there is no limit to the rows that are written at once.
        let changedBytes = state.phase == .settled ? state.changedBytes : 0
        if changedBytes + window.deadLetterBytes > mostChangedBytes { return true }
        if state.emittedBytes > mostChangedBytes || window.events >= limits.events { return true }
        return window.events > 0 && now - window.opened >= limits.time
    }

    /// The parts of a batch after each of which it is asked: single events while one is looked for, so that an error of the
    /// database names its event.
    package func parts(of range: Range<Int>) -> [Range<Int>] {
        findsSingleEvents ? range.map { $0..<($0 + 1) } : [range]
    }

    /// Whether ``parts(of:)`` are single events.
    package var findsSingleEvents: Bool { limits.bisection.step == .event }
}
