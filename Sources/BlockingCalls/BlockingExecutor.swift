internal import Dispatch

/// A serial executor whose jobs may block, for actors that call blocking C functions.
///
/// A blocking call on Swift's cooperative pool takes one of its few threads away from all other work. A connection
/// therefore names a `BlockingExecutor` as its `unownedExecutor`, and callers just `await`. Jobs run one at a time, in
/// the order they arrive. The queue targets libdispatch's overcommitting root queue, which starts another thread when
/// all of its threads are blocked, so a blocked executor never delays another one.
public final class BlockingExecutor: SerialExecutor {
    private let queue: DispatchQueue

    /// - Parameter label: the name that debuggers and profilers show.
    public init(label: String) {
        queue = DispatchQueue(label: label)
    }

    /// Puts the job at the end of the queue and returns at once; the runtime calls this, users just `await`.
    ///
    /// The job leaves its ownership behind (`UnownedJob`) because a queue's closure may be copied and a job may not; it
    /// still runs exactly once, as every closure given to the queue does. The closure keeps the executor alive until
    /// then, so an actor may be released by its own last job.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { [self] in job.runSynchronously(on: asUnownedSerialExecutor()) }
    }

    /// Stops the process when the caller is not on this executor: our own mistake, never a condition of production.
    public func checkIsolated() {
        dispatchPrecondition(condition: .onQueue(queue))
    }
}
