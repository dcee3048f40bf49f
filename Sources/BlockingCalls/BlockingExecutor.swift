internal import Dispatch

/// A serial executor whose jobs may block, for actors that call blocking C functions.
///
/// A blocking call on Swift's cooperative pool takes one of its few threads away from everybody. A connection
/// therefore names a `BlockingExecutor` as its `unownedExecutor`, and callers just `await`. Jobs run one at a time, in
/// the order they arrive. The queue targets libdispatch's overcommitting root queue, which starts another thread when
/// all of its threads are blocked, so a blocked executor never delays another one.
public final class BlockingExecutor: SerialExecutor {
    private let queue: DispatchQueue

    /// - Parameter label: the name that debuggers and profilers show.
    public init(label: String) {
        queue = DispatchQueue(label: label)
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { [self] in job.runSynchronously(on: asUnownedSerialExecutor()) }
    }

    /// Stops the process when the caller is not on this executor: our own mistake, never a condition of production.
    public func checkIsolated() {
        dispatchPrecondition(condition: .onQueue(queue))
    }
}
