internal import Synchronization

/// The acknowledgement of a batch that is on its way.
public final class KafkaDelivery: Sendable {
    private struct State {
        var left: Int
        var failure: KafkaError?
        var waiter: CheckedContinuation<Void, Never>?
        var isCancelled = false
    }

    private let state: Mutex<State>

    init(count: Int) { state = Mutex(State(left: count)) }

    /// Waits until each record of the batch is acknowledged or given up. One caller at a time.
    ///
    /// - Throws: the first failure; `cancelled` when the task is cancelled before.
    public func value() async throws(KafkaError) {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.left == 0 || state.isCancelled { return true }
                    state.waiter = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            take { $0.isCancelled = true }
        }
        let (left, failure) = state.withLock { state in
            state.isCancelled = false
            return (state.left, state.failure)
        }
        if let failure { throw failure }
        if left > 0 { throw KafkaError(.cancelled, operation: "wait for a delivery", message: "it was cancelled") }
    }

    /// Whether each record is acknowledged or given up.
    public var isOver: Bool { state.withLock { $0.left == 0 } }

    /// Whether each record is acknowledged.
    public var isAcknowledged: Bool { state.withLock { $0.left == 0 && $0.failure == nil } }

    /// So many of its records are acknowledged, or given up for a reason.
    ///
    /// - Returns: whether these were the last.
    func settle(_ count: Int, _ failure: KafkaError?) -> Bool {
        var isOver = false
        take { state in
            state.left -= count
            state.failure = state.failure ?? failure
            isOver = state.left == 0
        }
        return isOver
    }

    private func take(_ change: (inout State) -> Void) {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            change(&state)
            // A failure is reported at once: nothing is gained by waiting for the rest.
            guard state.left == 0 || state.isCancelled || state.failure != nil else { return nil }
            return state.waiter.take()
        }
        waiter?.resume()
    }
}
