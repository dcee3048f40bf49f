internal import Engine
internal import Refold
internal import Synchronization
internal import Timing

/// Committed windows on their way to the cache, bounded: the side of the cache that folding sees.
///
/// A lock around values, never held across a wait.
final class CacheQueue: Sendable {
    private struct State {
        var followed: [GenerationNumber: FollowedGeneration] = [:]
        /// Generations that were followed at any time.
        var known: [GenerationNumber: ProjectionName] = [:]
        /// Those of them whose keys were written before the server lost what it had.
        var distrusted: Set<GenerationNumber> = []
        /// Their projections, whose pointers have to go before anything is written.
        var unpointing: Set<ProjectionName> = []
        /// How often the server has lost something.
        var losses = 0
        /// Live generations of projections without a hot set: no pointer may lead to one.
        var uncached: [ProjectionName: GenerationNumber] = [:]
    }

    private let state = Mutex(State())
    private let limits: CacheLimits
    private let time: TimeSource

    init(limits: CacheLimits, time: TimeSource) {
        self.limits = limits
        self.time = time
    }

    func follow(_ hotSet: HotSet, generation: GenerationNumber, fencingValue: FencingValue) {
        state.withLock { state in
            var followed = FollowedGeneration(hotSet: hotSet, generation: generation, fencingValue: fencingValue)
            if state.distrusted.contains(generation) { followed.distrust() }
            state.followed[generation] = followed
            state.known[generation] = hotSet.projection
        }
    }

    // MARK: Without a hot set

    /// A projection's live generation is folded without the cache.
    func leaveUncached(_ projection: ProjectionName, _ generation: GenerationNumber) {
        state.withLock { $0.uncached[projection] = generation }
    }

    /// The projections whose pointers have to go, with their live generations.
    var uncached: [ProjectionName: GenerationNumber] { state.withLock { $0.uncached } }

    func removedUncached(_ projection: ProjectionName, _ generation: GenerationNumber) {
        state.withLock { state in
            if state.uncached[projection] == generation { state.uncached[projection] = nil }
        }
    }

    // MARK: After the server has lost something

    /// Nothing that was written so far counts.
    func distrustAll() {
        state.withLock { state in
            state.losses += 1
            state.distrusted.formUnion(state.known.keys)
            state.unpointing.formUnion(state.known.values)
            for generation in state.followed.keys { state.followed[generation]!.distrust() }
        }
    }

    /// A generation's keys are gone.
    ///
    /// - Parameter losses: how often the server had lost something when that began.
    func trust(_ generation: GenerationNumber, losses: Int) {
        state.withLock { state in
            guard state.losses == losses else { return }
            state.distrusted.remove(generation)
            state.followed[generation]?.trust()
        }
    }

    /// How often the server has lost something.
    var losses: Int { state.withLock { $0.losses } }

    /// The projections whose pointers have to go before anything is written.
    var unpointing: Set<ProjectionName> { state.withLock { $0.unpointing } }

    func unpointed(_ projection: ProjectionName, losses: Int) {
        state.withLock { state in
            if state.losses == losses { state.unpointing.remove(projection) }
        }
    }

    /// Forgets a generation, unless it was taken again under another fencing value meanwhile.
    func leave(_ generation: GenerationNumber, fencingValue: FencingValue? = nil) {
        state.withLock { state in
            if let fencingValue, state.followed[generation]?.fencingValue != fencingValue { return }
            state.followed[generation] = nil
        }
    }

    var followed: [FollowedGeneration] {
        state.withLock { $0.followed.values.sorted { $0.generation < $1.generation } }
    }

    func followed(_ generation: GenerationNumber) -> FollowedGeneration? { state.withLock { $0.followed[generation] } }

    /// What encodes the rows of a generation, and whether they would be taken.
    func encoder(of generation: GenerationNumber) -> (encoder: HotRowEncoder, hotSet: HotSet, isAccepting: Bool)? {
        state.withLock { $0.followed[generation].map { ($0.encoder, $0.hotSet, $0.isAccepting) } }
    }

    /// - Returns: whether there is something to do now.
    func committed(_ rows: HotRows, of generation: GenerationNumber, through position: Int64) -> Bool {
        state.withLock { state in
            guard state.followed[generation] != nil else { return false }
            let waiting = state.followed.values.reduce((rows: 0, bytes: 0)) {
                ($0.rows + $1.waitingRows, $0.bytes + $1.waitingBytes)
            }
            let fits =
                waiting.rows + rows.rows.count <= limits.rows && waiting.bytes + rows.byteCount <= limits.bytes
                && state.followed[generation]!.windows.count < limits.windows
            state.followed[generation]!.committed(rows, through: position, fits: fits, at: time.now)
            return true
        }
    }

    /// Changes what is known of a generation, if it is still followed under this fencing value.
    @discardableResult
    func update<R>(_ generation: GenerationNumber, fencingValue: FencingValue, _ body: (inout FollowedGeneration) -> R)
        -> R?
    {
        state.withLock { state in
            guard state.followed[generation]?.fencingValue == fencingValue else { return nil }
            return body(&state.followed[generation]!)
        }
    }

    /// Has the hot sets whose rows would expire rewritten.
    func renewOldSets() {
        let now = time.now
        state.withLock { state in
            for generation in state.followed.keys { state.followed[generation]!.renewOldSet(at: now) }
        }
    }

    /// The connection is gone: nothing is queued until it is back.
    func stopAccepting() {
        state.withLock { state in
            for generation in state.followed.keys { state.followed[generation]!.stopAccepting() }
        }
    }
}

/// How much may wait for the cache; what does not fit is read from the database later. As much again may be on its way.
package struct CacheLimits: Sendable {
    /// Changed rows of all projections.
    package var rows: Int
    /// Their bytes.
    package var bytes: Int
    /// Windows of one projection.
    package var windows: Int

    package init(rows: Int = 50_000, bytes: Int = 32 << 20, windows: Int = 10_000) {
        self.rows = rows
        self.bytes = bytes
        self.windows = windows
    }
}
