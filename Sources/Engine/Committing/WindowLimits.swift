/// When a commit window is closed.
package struct WindowLimits: Sendable {
    /// Time since the window before, while more events are waiting. At the head a window is closed at once.
    let time: Duration
    /// Events.
    let events: Int
    /// Smaller windows, to find the event that the database refuses.
    let bisection: FaultBisection

    package init(_ settings: EngineSettings, bisection: FaultBisection) {
        time = settings.windowTime
        events = settings.windowEvents
        self.bisection = bisection
    }
}
