internal import Refold
internal import Synchronization
internal import Timing

/// How far the rebuild of one projection is, for observers and for its outcome: the one thing that its steps share with
/// others.
final class RebuildTracker: Sendable {
    private struct State {
        var generation: GenerationNumber?
        var start = GlobalPosition.zero
        var folding: FoldingProgress?
    }

    let projection: ProjectionName
    private let time: TimeSource
    private let began: ContinuousClock.Instant
    private let state = Mutex(State())

    init(_ projection: ProjectionName, _ time: TimeSource) {
        self.projection = projection
        self.time = time
        began = time.now
    }

    /// There is a generation to fold into.
    func has(_ generation: GenerationNumber) { state.withLock { $0.generation = generation } }

    /// It is being folded.
    func folds(_ folding: FoldingProgress) {
        state.withLock { state in
            state.folding = folding
            state.start = folding.foldedPosition
        }
    }

    /// Where folding began; nil when it has not.
    var startPosition: GlobalPosition? { state.withLock { $0.folding == nil ? nil : $0.start } }

    /// How far it is on the way to a position; nil before anything is folded.
    func progress(to goal: GlobalPosition) -> RebuildProgress? {
        state.withLock { state in
            guard let generation = state.generation, let folding = state.folding else { return nil }
            return RebuildProgress(
                projection: projection,
                generation: generation,
                position: folding.foldedPosition,
                start: state.start,
                target: goal
            )
        }
    }

    /// Its outcome.
    func outcome(_ end: RebuildOutcome.State, _ error: (any Error)? = nil) -> RebuildOutcome {
        state.withLock { state in
            let position = state.folding?.foldedPosition ?? state.start
            return RebuildOutcome(
                projection: projection,
                generation: state.generation,
                position: position,
                passed: position.rawValue - state.start.rawValue,
                duration: time.now - began,
                state: end,
                error: error
            )
        }
    }
}
