internal import Synchronization

/// What its daemon's watch tells a tail: whether the generation in hand is still the live one, and whether the
/// projection is this daemon's to tail.
package final class TailOrders: Sendable {
    private struct State {
        /// Of the pointer when the generation in hand was opened; nil before one was.
        var revision: Int64?
        var pointerMoved = false
        var isMine = true
        var inbox: Inbox?
    }

    private let state = Mutex(State())

    package init() {}

    // MARK: For the watch

    /// The pointer's present revision: when it has moved, the runner in hand ends and the next takes the live
    /// generation.
    package func pointerIs(at revision: Int64) {
        state.withLock { state in
            guard let opened = state.revision, opened != revision else { return }
            state.pointerMoved = true
            state.inbox?.finish()
        }
    }

    /// Another daemon is to continue the projection, or this one is.
    package func shareIs(_ isMine: Bool) {
        state.withLock { state in
            if state.isMine && !isMine { state.inbox?.finish() }
            state.isMine = isMine
        }
    }

    // MARK: For the tail

    /// Whether this daemon is to tail the projection.
    package var isMine: Bool { state.withLock { $0.isMine } }

    /// Whether a generation other than the one in hand is live.
    package var hasPointerMoved: Bool { state.withLock { $0.pointerMoved } }

    /// Whether the generation in hand is still the live one, and this daemon's.
    package var isToContinue: Bool { state.withLock { $0.isMine && !$0.pointerMoved } }

    /// The generation that is live at this revision of the pointer is opened.
    package func opens(at revision: Int64) {
        state.withLock { state in
            state.revision = revision
            state.pointerMoved = false
        }
    }

    /// Blocks come through this inbox: it is finished when the tail is not to continue.
    package func takes(from inbox: Inbox) {
        state.withLock { state in
            state.inbox = inbox
            if state.pointerMoved || !state.isMine { inbox.finish() }
        }
    }
}
