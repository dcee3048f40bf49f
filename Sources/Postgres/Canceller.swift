internal import CPostgres
internal import Dispatch
internal import Synchronization

/// Asks the server to cancel the statement that a connection is running, from any thread, and never the next one.
///
/// `PQcancel` blocks on a connection of its own, so requests from outside run on a queue of their own. The server
/// cancels whatever runs when the request arrives; a request is therefore made under the lock that a statement takes to
/// begin and to end, and only while the statement it was meant for is still running.
final class Canceller: Sendable {
    private struct State {
        /// Odd while a statement runs; each beginning and each end counts one.
        var phase: UInt64 = 0
        var wasSent = false
    }

    /// A copy of the connection's address and cancel key. `PQcancel` only reads it, "so it can be called from any
    /// thread" (libpq manual, 34.7); it is freed in `deinit`, when nobody can call `send` any more.
    private nonisolated(unsafe) let handle: OpaquePointer?
    private let queue = DispatchQueue(label: "refold.postgres.cancel")
    private let state = Mutex(State())
    /// `state.phase`, readable without waiting for a request under way.
    private let phase = Atomic<UInt64>(0)

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
            state.wasSent = false
            phase.store(state.phase, ordering: .releasing)
        }
    }

    /// The statement's last reply is in. Waits for a request under way, so that it cannot hit the next statement.
    ///
    /// - Returns: whether its cancellation was requested through this object.
    @discardableResult
    func end() -> Bool {
        state.withLock { state in
            if state.phase & 1 == 1 { state.phase += 1 }
            phase.store(state.phase, ordering: .releasing)
            return state.wasSent
        }
    }

    /// Schedules a request to cancel the statement that is running now, if any, and returns at once.
    func schedule() {
        let phase = phase.load(ordering: .acquiring)
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
    func send() {
        send(phase.load(ordering: .acquiring))
    }

    private func send(_ phase: UInt64) {
        state.withLock { state in
            guard let handle, state.phase == phase, phase & 1 == 1 else { return }
            // A request that cannot be delivered changes nothing: the statement goes on, and if the server is
            // unreachable its own connection will say so. Hence the reason is not reported.
            var reason = [CChar](repeating: 0, count: 256)
            state.wasSent = PQcancel(handle, &reason, Int32(reason.count)) == 1 || state.wasSent
        }
    }
}
