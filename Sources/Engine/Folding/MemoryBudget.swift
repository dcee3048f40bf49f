internal import Synchronization

/// The bytes that the rows of all projections may take together.
///
/// A projection may use what the others leave, and always an equal share.
package final class MemoryBudget: Sendable {
    package let limit: Int
    private let used: Mutex<[GenerationNumber: Int]>

    package init(limit: Int) {
        self.limit = limit
        used = Mutex([:])
    }

    /// Records a generation's bytes and says how many it may have.
    package func allowance(for generation: GenerationNumber, using bytes: Int) -> Int {
        used.withLock { used in
            used[generation] = bytes
            let others = used.reduce(0) { $1.key == generation ? $0 : $0 + $1.value }
            return max(limit / used.count, limit - others)
        }
    }

    /// Forgets a generation that is no longer folded.
    package func leave(_ generation: GenerationNumber) {
        _ = used.withLock { $0.removeValue(forKey: generation) }
    }
}
