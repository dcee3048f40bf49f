internal import DequeModule
internal import Synchronization

/// A queue that makes its sender wait when it is full, so that a slow receiver slows the reading instead of filling
/// memory.
///
/// One sender, one receiver.
package final class BoundedQueue<Element: Sendable>: Sendable {
    private struct State {
        var elements: Deque<Element> = []
        var load = 0
        var isFinished = false
        var isAbandoned = false
        var receiver: CheckedContinuation<Void, Never>?
        var sender: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())
    private let capacity: Int
    private let size: @Sendable (Element) -> Int

    /// - Parameters:
    ///   - capacity: the sizes that may wait, all together; one element more comes in before the sender waits.
    ///   - size: of an element; 1 by default.
    package init(capacity: Int, size: @escaping @Sendable (Element) -> Int = { _ in 1 }) {
        self.capacity = capacity
        self.size = size
    }

    /// Queues an element, waiting while the queue is full.
    ///
    /// - Returns: false when the receiver has gone.
    package func send(_ element: Element) async -> Bool {
        while true {
            let sent: Bool? = state.withLock { state in
                if state.isAbandoned || state.isFinished { return false }
                if state.load >= capacity { return nil }
                state.elements.append(element)
                state.load += size(element)
                state.receiver.take()?.resume()
                return true
            }
            if let sent { return sent }
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state in
                    if state.load < capacity || state.isAbandoned || state.isFinished { return true }
                    state.sender = continuation
                    return false
                }
                if isReady { continuation.resume() }
            }
        }
    }

    /// The next element; nil when the sender has finished and everything was taken.
    package func next() async -> Element? {
        while true {
            let taken: Element?? = state.withLock { state in
                if let element = state.elements.popFirst() {
                    state.load -= size(element)
                    state.sender.take()?.resume()
                    return element
                }
                return state.isFinished ? .some(nil) : nil
            }
            if let taken { return taken }
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state in
                    if !state.elements.isEmpty || state.isFinished { return true }
                    state.receiver = continuation
                    return false
                }
                if isReady { continuation.resume() }
            }
        }
    }

    /// Whether nothing is waiting.
    package var isEmpty: Bool { state.withLock { $0.elements.isEmpty } }

    /// Whether nothing more is taken.
    package var isAbandoned: Bool { state.withLock { $0.isAbandoned } }

    /// Whether the sender has to wait.
    package var isFull: Bool { state.withLock { $0.load >= capacity } }

    /// Says that nothing more comes. What waits can still be taken.
    package func finish() {
        state.withLock { state in
            state.isFinished = true
            state.receiver.take()?.resume()
            state.sender.take()?.resume()
        }
    }

    /// Says that nothing more is taken.
    package func abandon() {
        state.withLock { state in
            state.isAbandoned = true
            state.isFinished = true
            state.elements.removeAll()
            state.load = 0
            state.receiver.take()?.resume()
            state.sender.take()?.resume()
        }
    }
}
