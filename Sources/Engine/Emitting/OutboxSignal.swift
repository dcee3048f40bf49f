internal import Synchronization
internal import Timing

/// Wakes the appender when a window of this process has put events into the outbox.
package final class OutboxSignal: Sendable {
    private struct State {
        var isRaised = false
        var sleeper: Task<Void, Never>?
    }

    private let state = Mutex(State())

    package init() {}

    /// Events wait.
    package func raise() {
        state.withLock { state in
            state.isRaised = true
            state.sleeper?.cancel()
        }
    }

    /// Whether it was raised since the last time.
    func take() -> Bool {
        state.withLock { state in
            defer { state.isRaised = false }
            return state.isRaised
        }
    }

    /// Returns as soon as it is raised, or was since ``take()``; otherwise after a while. For one caller at a time.
    func wait(atMost limit: Duration, _ time: TimeSource) async {
        // Ends early when it is cancelled; who waits looks for itself why.
        let sleeper = Task { _ = try? await time.sleep(for: limit) }
        state.withLock { state in
            state.sleeper = sleeper
            if state.isRaised { sleeper.cancel() }
        }
        await withTaskCancellationHandler {
            await sleeper.value
        } onCancel: {
            sleeper.cancel()
        }
        state.withLock { $0.sleeper = nil }
    }
}
