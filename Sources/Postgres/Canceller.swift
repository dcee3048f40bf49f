internal import CPostgres
internal import Dispatch
internal import Synchronization

/// Asks the server to cancel the statement that a connection is running, from any thread, and never the next one.
///
/// `PQcancel` blocks on a connection of its own, so requests run on a queue of their own. The server cancels whatever
/// runs when the request arrives; so a statement's end waits for a request in flight. On a network that drops
/// everything the wait would last for ever: it has a limit, after which the connection must not be used again.
final class Canceller: Sendable {
    /// The outcome of a statement's cancellation.
    enum Outcome {
        /// It was not asked for.
        case notRequested
        /// It was asked for, and the server has signalled the statement or never will.
        case requested
        /// It was asked for and may still hit whatever the connection runs next.
        case unanswered
    }

    private struct State {
        /// Odd while a statement runs; each beginning and each end counts one.
        var phase: UInt64 = 0
        var wasRequested = false
    }

    /// How long a statement's end waits for a request in flight.
    static let answerLimit = DispatchTimeInterval.seconds(3)

    /// A copy of the connection's address and cancel key. `PQcancel` only reads it, "so it can be called from any
    /// thread" (libpq manual, 34.7); it is freed in `deinit`, when `send` cannot be called any more.
    private nonisolated(unsafe) let handle: OpaquePointer?
    private let queue = DispatchQueue(label: "refold.postgres.cancel")
    private let state = Mutex(State())
    /// Entered while a request is in flight.
    private let underWay = DispatchGroup()

    init(connection: OpaquePointer) {
        handle = PQgetCancel(connection)
    }

    deinit {
        PQfreeCancel(handle)
    }

    /// A statement begins.
    func begin() {
        state.withLock { state in
            state.phase |= 1
            state.wasRequested = false
        }
    }

    /// The statement's last reply is in. Waits for a request in flight, so that it cannot hit the next statement.
    func end() -> Outcome {
        let wasRequested = abandon()
        guard wasRequested else { return .notRequested }
        return underWay.wait(timeout: .now() + Self.answerLimit) == .success ? .requested : .unanswered
    }

    /// The statement ends with its connection, so that a request in flight can hit nothing any more.
    ///
    /// - Returns: whether its cancellation was requested through this object.
    @discardableResult
    func abandon() -> Bool {
        state.withLock { state in
            if state.phase & 1 == 1 { state.phase += 1 }
            return state.wasRequested
        }
    }

    /// Schedules a request to cancel the statement that is running now, if any, and returns at once.
    func schedule() {
        let phase = state.withLock { $0.phase }
        guard phase & 1 == 1 else { return }
        queue.async { self.send(phase) }
    }

    /// Returns when every scheduled request has been made or dropped.
    func waitForScheduled() async {
        await withCheckedContinuation { continuation in
            queue.async { continuation.resume() }
        }
    }

    /// Requests the cancellation of the running statement and returns when the server has signalled it.
    ///
    /// - Returns: whether the request was answered within the limit.
    func send() -> Bool {
        let phase = state.withLock { $0.phase }
        let made = DispatchSemaphore(value: 0)
        queue.async {
            self.send(phase)
            made.signal()
        }
        return made.wait(timeout: .now() + Self.answerLimit) == .success
    }

    /// On the queue.
    private func send(_ phase: UInt64) {
        let isMeant = state.withLock { state in
            guard handle != nil, state.phase == phase, phase & 1 == 1 else { return false }
            state.wasRequested = true
            underWay.enter()
            return true
        }
        guard isMeant else { return }
        // A request that cannot be delivered changes nothing: the statement continues, and if the server is unreachable
        // its own connection will say so. Hence the reason is not reported.
        var reason = [CChar](repeating: 0, count: 256)
        _ = PQcancel(handle, &reason, Int32(reason.count))
        underWay.leave()
    }
}
