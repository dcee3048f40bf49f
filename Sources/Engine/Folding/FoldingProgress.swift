package import Refold
internal import Synchronization

/// How far a runner is, for observers.
package final class FoldingProgress: Sendable {
    private let folded: Atomic<Int64>
    private let committed: Atomic<Int64>
    private let mark: Atomic<Int64>

    package init(from position: GlobalPosition) {
        folded = Atomic(position.rawValue)
        committed = Atomic(position.rawValue)
        mark = Atomic(position.rawValue)
    }

    /// Everything up to here is in the rows.
    package var foldedPosition: GlobalPosition { GlobalPosition(folded.load(ordering: .relaxed)) }

    /// Everything up to here is known to be committed.
    package var committedPosition: GlobalPosition { GlobalPosition(committed.load(ordering: .relaxed)) }

    /// How many positions the committed checkpoint is behind the newest high-water mark seen.
    package var lag: Int64 {
        max(0, mark.load(ordering: .relaxed) - committed.load(ordering: .relaxed))
    }

    func hasSeen(mark position: GlobalPosition) { mark.store(position.rawValue, ordering: .relaxed) }

    func hasFolded(through position: GlobalPosition) { folded.store(position.rawValue, ordering: .relaxed) }

    func hasCommitted(through position: GlobalPosition) { committed.store(position.rawValue, ordering: .relaxed) }
}
