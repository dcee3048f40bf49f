import Dispatch
import Synchronization

/// Runs the jobs of a task in their order, and holds them back while a test wants to come before them.
final class PausableExecutor: TaskExecutor {
    private let queue = DispatchQueue(label: "refold.test.pausable")
    private let jobs = Atomic(0)

    /// Whether there is nothing to run, now or after a pause: the task has ended, or waits for somebody to wake it.
    var isIdle: Bool { jobs.load(ordering: .sequentiallyConsistent) == 0 }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        jobs.add(1, ordering: .sequentiallyConsistent)
        queue.async { [self] in
            job.runSynchronously(on: asUnownedTaskExecutor())
            jobs.subtract(1, ordering: .sequentiallyConsistent)
        }
    }

    /// Begins no job while `body` runs.
    func paused<Value>(_ body: () async throws -> Value) async rethrows -> Value {
        queue.suspend()
        defer { queue.resume() }
        return try await body()
    }
}
