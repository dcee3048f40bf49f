internal import Glibc
internal import Synchronization

/// Ends whatever a connection is doing, from any thread and at any time.
///
/// It shuts down a duplicate of the socket's descriptor: libpq closes its own whenever it finds the connection dead, and
/// by then the number may be another file's.
final class AbortSwitch: Sendable {
    private struct State {
        /// -1 for none.
        var descriptor: Int32 = -1
        var wasAborted = false
        var giveUpDialling: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    deinit {
        release()
    }

    /// Whether `abort` was called.
    var wasAborted: Bool { state.withLock { $0.wasAborted } }

    /// From now on `abort` shuts this socket down; at once, when it was called already.
    ///
    /// - Returns: false when the process has no descriptor left for the duplicate.
    func watch(_ socket: Int32) -> Bool {
        let duplicate = fcntl(socket, F_DUPFD_CLOEXEC, 0)
        guard duplicate >= 0 else { return false }
        state.withLock { state in
            state.descriptor = duplicate
            state.giveUpDialling = nil
            if state.wasAborted { shutdown(duplicate, Int32(SHUT_RDWR)) }
        }
        return true
    }

    /// While the connection is made there is no socket to shut down: `abort` calls this instead, at once when it was
    /// called already.
    func whileDialling(_ giveUp: @escaping @Sendable () -> Void) {
        let wasAborted = state.withLock { state in
            state.giveUpDialling = giveUp
            return state.wasAborted
        }
        if wasAborted { giveUp() }
    }

    /// A call that waits for the server gets the error that the connection is lost.
    func abort() {
        let giveUp = state.withLock { state in
            state.wasAborted = true
            if state.descriptor >= 0 { shutdown(state.descriptor, Int32(SHUT_RDWR)) }
            return state.giveUpDialling
        }
        giveUp?()
    }

    /// As `abort`, but only for the socket: the connection breaks without having been asked to.
    func cut() {
        state.withLock { state in
            if state.descriptor >= 0 { shutdown(state.descriptor, Int32(SHUT_RDWR)) }
        }
    }

    /// The connection is closed: there is nothing to abort any more.
    func release() {
        state.withLock { state in
            if state.descriptor >= 0 { close(state.descriptor) }
            state.descriptor = -1
            state.giveUpDialling = nil
        }
    }
}
