internal import DequeModule
package import Engine
internal import Refold

/// What is known of one generation in the cache: a value that says what has to be done next.
package struct FollowedGeneration: Sendable {
    /// The cheapest step that repairs the cache.
    package enum Need: Sendable, Equatable {
        /// Nothing: everything committed is there.
        case nothing
        /// Send the windows that wait.
        case send
        /// Read from the database what changed behind this position.
        case refresh(after: Int64)
        /// Confirm the lease, take the owner's key and rewrite the hot set.
        case warm
        /// What is cached may be of events that are gone: drop all of it first, then warm.
        case replace
    }

    /// How long a pointer lasts without being renewed, and how long the cache may be behind before renewal stops.
    package static let lease: Duration = .seconds(10)

    /// A committed window that waits to be sent.
    package struct Window: Sendable {
        let rows: HotRows
        package let through: Int64
    }

    let hotSet: HotSet
    let encoder: HotRowEncoder
    let generation: GenerationNumber
    let fencingValue: FencingValue

    private(set) var windows: Deque<Window> = []
    package private(set) var waitingRows = 0
    private(set) var waitingBytes = 0
    /// Everything up to here is in the cache; nil before it was warmed.
    package private(set) var sent: Int64?
    /// Whether windows are queued. While the cache is behind they are not: what they changed is read later.
    package private(set) var isAccepting = false
    /// The last window that was not queued, and whether rows were removed in one of those.
    private var missed: Int64 = -1
    private var missedRemovals = false
    /// Since when something that is committed is not in the cache and sending makes no progress; nil when all is there.
    private var behindSince: ContinuousClock.Instant?
    /// When the hot set was written as a whole.
    private var warmedAt: ContinuousClock.Instant?
    /// What is cached was written before the server lost what it had.
    package private(set) var isDistrusted = false
    /// The pointer to the generation is known to expire soon unless it is renewed.
    package internal(set) var isPointerShort = false

    package init(hotSet: HotSet, generation: GenerationNumber, fencingValue: FencingValue) {
        self.hotSet = hotSet
        encoder = HotRowEncoder(hotSet)
        self.generation = generation
        self.fencingValue = fencingValue
    }

    package var need: Need {
        if isDistrusted { return .replace }
        guard let sent else { return .warm }
        if missed > sent {
            // A removed row leaves nothing to read; and many events change more rows than the hot set has.
            let isMuch = missed - sent > Int64(hotSet.settings.limit)
            return missedRemovals || isMuch ? .warm : .refresh(after: sent)
        }
        return windows.isEmpty ? .nothing : .send
    }

    /// Whether readers may be sent to the cache: what was committed is there, or on its way. Being behind without any
    /// progress for longer than the pointer's lease ends that, and so does not knowing what is cached.
    package func mayBeRead(at now: ContinuousClock.Instant) -> Bool {
        guard sent != nil, !isDistrusted else { return false }
        return behindSince.map { now - $0 < Self.lease } ?? true
    }

    /// Records a committed window: queues it, or remembers that it was missed.
    ///
    /// - Parameter fits: whether the queue has room for it.
    package mutating func committed(
        _ rows: HotRows,
        through position: Int64,
        fits: Bool,
        at now: @autoclosure () -> ContinuousClock.Instant = .now
    ) {
        if let sent, position <= sent { return }
        if behindSince == nil { behindSince = now() }
        guard isAccepting && fits && !rows.isIncomplete else {
            missed = max(missed, position)
            missedRemovals = missedRemovals || rows.hasRemovals
            // One that was not encoded is from before the queue was opened; those that follow are needed.
            if !fits { stopAccepting() }
            return
        }
        windows.append(Window(rows: rows, through: position))
        waitingRows += rows.rows.count
        waitingBytes += rows.byteCount
    }

    /// Before the database is read for what is missing: windows that commit from here on are queued again.
    ///
    /// - Parameter anew: everything is rewritten; until that is done nothing of the generation counts as cached.
    package mutating func beginHealing(anew: Bool) {
        isAccepting = true
        missedRemovals = false
        if anew {
            sent = nil
            // What is read from here on has all of it.
            missed = -1
        }
    }

    /// The cache has everything up to a position.
    package mutating func reached(_ position: Int64, at now: ContinuousClock.Instant = .now) {
        sent = position
        while let first = windows.first, first.through <= position { remove() }
        behindSince = windows.isEmpty && missed <= position ? nil : now
    }

    /// A part of what was committed has arrived.
    package mutating func progressed(at now: ContinuousClock.Instant = .now) {
        if behindSince != nil { behindSince = now }
    }

    /// The hot set was rewritten, with everything up to a position.
    package mutating func warmed(through position: Int64, at now: ContinuousClock.Instant = .now) {
        reached(position, at: now)
        warmedAt = now
    }

    /// Unchanged rows of the hot set would expire one day: the set is rewritten in time.
    package mutating func renewOldSet(at now: ContinuousClock.Instant) {
        guard let warmedAt, warmedAt + hotSet.settings.ttl / 2 < now else { return }
        forgetSent()
    }

    /// The server has lost events that were folded: nothing that is cached counts, and nothing that was reported
    /// before.
    package mutating func distrust() {
        forgetSent()
        isDistrusted = true
        missed = -1
    }

    /// Everything that was cached is gone.
    package mutating func trust() { isDistrusted = false }

    /// Takes all windows out of the queue, to be sent.
    package mutating func takeWindows() -> [Window] {
        defer { removeAll() }
        return Array(windows)
    }

    /// Windows that were taken did not arrive, or only in part. What a ranking of the best lost in that part is not known:
    /// it is rewritten. One by time says itself from when on it is complete.
    package mutating func lost(_ taken: [Window]) {
        if let ranking = hotSet.ranking, !ranking.isByTime { return forgetSent() }
        for window in taken {
            missed = max(missed, window.through)
            missedRemovals = missedRemovals || window.rows.hasRemovals
        }
        stopAccepting()
    }

    /// Nothing can be sent now: what waits and what comes is read from the database later.
    package mutating func stopAccepting() {
        for window in windows {
            missed = max(missed, window.through)
            missedRemovals = missedRemovals || window.rows.hasRemovals
        }
        removeAll()
        isAccepting = false
    }

    /// What is in the cache is not known any more.
    package mutating func forgetSent() {
        stopAccepting()
        sent = nil
    }

    private mutating func remove() {
        let window = windows.removeFirst()
        waitingRows -= window.rows.rows.count
        waitingBytes -= window.rows.byteCount
    }

    private mutating func removeAll() {
        windows.removeAll()
        waitingRows = 0
        waitingBytes = 0
    }
}
