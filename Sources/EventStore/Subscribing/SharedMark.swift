internal import Logging
internal import Postgres
internal import Refold
internal import Synchronization
internal import Timing

/// The high-water mark, found once for all subscribers that wait for it.
///
/// Nothing runs in the background. One of the waiting subscribers *leads*: it samples the log repeatedly, on the one
/// session that all share, and wakes those whose wait is over. When its own is over, or its task is cancelled, another
/// one takes over.
final class SharedMark: Sendable {
    /// One run of the server, as far as it can be told: one without a name may have ended with each session.
    struct Run: Sendable, Hashable {
        var server: ServerRun
        /// The number of the session that looks; 0 where the run has a name.
        var session = 0
    }

    /// How far the log may be read, in one run of the server.
    struct Seen: Sendable {
        var mark: GlobalPosition
        /// The newest position.
        var lastValue: GlobalPosition
        var run: Run
    }

    private struct Waiter {
        let position: GlobalPosition
        let run: Run?
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var seen: Seen?
        var isLed = false
        var waiters: [Int: Waiter] = [:]
        var lastWaiter = 0

        /// What a subscriber that has read up to `position` in `run` waits for.
        func news(above position: GlobalPosition, in run: Run?) -> Seen? {
            guard let seen, seen.mark > position || seen.run != run else { return nil }
            return seen
        }
    }

    private let settings: EventStoreSettings
    private let pacing: SamplePacing
    private let logger: Logger?
    private let time: TimeSource
    private let connect: @Sendable () async throws -> PostgresConnection
    private let state = Mutex(State())
    /// What only the leader uses.
    private let look = Mutex(Look())

    private struct Look {
        var watcher: MarkWatcher?
        var sessions = 0
    }

    init(
        _ settings: EventStoreSettings,
        pacing: SamplePacing,
        logger: Logger?,
        time: TimeSource,
        connect: @escaping @Sendable () async throws -> PostgresConnection
    ) {
        self.time = time
        self.settings = settings
        self.pacing = pacing
        self.logger = logger
        self.connect = connect
    }

    /// Waits until the mark is above `position`, or is of another run of the server than `run`.
    ///
    /// - Throws: the error of sampling, when this caller led; or that the task was cancelled.
    func next(above position: GlobalPosition, in run: Run?) async throws(EventStoreError) -> Seen {
        while true {
            let (news, leads) = state.withLock { state -> (Seen?, Bool) in
                if let news = state.news(above: position, in: run) { return (news, false) }
                guard !state.isLed else { return (nil, false) }
                state.isLed = true
                return (nil, true)
            }
            if let news { return news }
            if leads { return try await lead(until: position, run) }
            await waitForLeader(position, run)
            if Task.isCancelled {
                // It may have been woken to lead: then another one has to.
                wakeSuccessor()
                throw .cancelled("waiting for events")
            }
        }
    }

    /// Notes that a server run is over, so that its mark is no longer relied upon.
    ///
    /// - Parameter looksAnew: the session that looks does not know of the present run, so another one is opened: it may
    ///   have been inspected before the run had a name.
    func forget(_ run: Run?, looksAnew: Bool = false) {
        state.withLock { state in
            if state.seen?.run == run { state.seen = nil }
        }
        if looksAnew { look.withLock { $0 = Look(sessions: $0.sessions) } }
    }

    // MARK: Leading

    private func lead(until position: GlobalPosition, _ run: Run?) async throws(EventStoreError) -> Seen {
        defer { resign() }
        while true {
            do throws(EventStoreError) {
                let seen = try await sample()
                let (news, woken) = state.withLock { state -> (Seen?, [Waiter]) in
                    state.seen = seen
                    let ready = state.waiters.filter { state.news(above: $0.value.position, in: $0.value.run) != nil }
                    for id in ready.keys { state.waiters[id] = nil }
                    return (state.news(above: position, in: run), Array(ready.values))
                }
                for waiter in woken { waiter.continuation.resume() }
                if let news { return news }
            } catch {
                look.withLock { $0 = Look(sessions: $0.sessions) }
                throw error
            }
        }
    }

    private func resign() {
        state.withLock { $0.isLed = false }
        wakeSuccessor()
    }

    /// Wakes a waiting subscriber to lead, unless one leads already.
    private func wakeSuccessor() {
        let successor = state.withLock { state -> Waiter? in
            guard !state.isLed, let id = state.waiters.keys.first else { return nil }
            return state.waiters.removeValue(forKey: id)
        }
        successor?.continuation.resume()
    }

    private func sample() async throws(EventStoreError) -> Seen {
        let watcher = try await watcher()
        do {
            try await watcher.pause()
        } catch {
            throw .cancelled("waiting for events")
        }
        let sample = try await watcher.look()
        let server = watcher.probe.store.serverRun
        let run = Run(server: server, session: server.id == nil ? look.withLock { $0.sessions } : 0)
        // A new probe of the same run may know less than the one before.
        let known = state.withLock { $0.seen?.run == run ? $0.seen?.mark : nil }
        return Seen(mark: max(known ?? .zero, sample.mark), lastValue: sample.lastValue, run: run)
    }

    private func watcher() async throws(EventStoreError) -> MarkWatcher {
        if let watcher = look.withLock({ $0.watcher }) { return watcher }
        let (connection, store) = try await PostgresConnection.open(settings, connect)
        let known = try await LogIdentityStore.knownMark(connection, store)
        try await StoreInspection.requireSequenceAhead(connection, store)
        let probe = HighWaterMarkProbe(connection, store, from: known, time: time)
        let report = logger.map { logger -> MarkWatcher.Report in
            { _, details in
                guard let details else { return }
                logger.warning("subscribers wait for a transaction", metadata: ["holder": "\(details)"])
            }
        }
        let watcher = MarkWatcher(probe, pacing: pacing, time: time, report: report)
        look.withLock { look in
            look.watcher = watcher
            look.sessions += 1
        }
        return watcher
    }

    // MARK: Waiting

    /// Returns when there may be news, when a leader is needed, and when the task is cancelled.
    private func waitForLeader(_ position: GlobalPosition, _ run: Run?) async {
        let id = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let waits = state.withLock { state in
                    // A cancellation from here on finds the waiter: its handler takes the same lock.
                    guard state.isLed, !Task.isCancelled, state.news(above: position, in: run) == nil else {
                        return false
                    }
                    state.waiters[id] = Waiter(position: position, run: run, continuation: continuation)
                    return true
                }
                if !waits { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.continuation.resume()
        }
    }
}
