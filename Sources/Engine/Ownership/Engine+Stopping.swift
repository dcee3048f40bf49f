internal import Timing

extension Engine {
    /// How long a daemon may take to stop before what is still running is cancelled.
    private static let stopLimit: Duration = .milliseconds(4_000)

    /// Runs a daemon, which is asked to stop when the task is cancelled, and cancelled only when it does not within the
    /// limit.
    package func runStoppably(
        stop: @escaping @Sendable () -> Void,
        _ daemon: @escaping @Sendable () async throws -> Void
    ) async throws {
        // Not a child task: cancellation must let it store what it has done, and a cancelled task's statements are
        // refused.
        let work = Task { try await daemon() }
        try await withTaskCancellationHandler {
            try await work.value
        } onCancel: {
            stop()
            Task {
                try? await time.sleep(for: Self.stopLimit)
                work.cancel()
            }
        }
    }

    /// Waits, unless a daemon is to stop meanwhile.
    package func pause(_ duration: Duration, unless isStopping: () -> Bool) async {
        let deadline = time.now + duration
        while !isStopping() && !Task.isCancelled {
            let rest = deadline - time.now
            guard rest > .zero else { return }
            try? await time.sleep(for: min(.milliseconds(50), rest))
        }
    }
}
