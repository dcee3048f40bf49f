internal import EventStore
internal import Logging
internal import Refold

extension TailDaemon {
    /// Follows the log until it is to stop, has caught up, or reading fails: what a daemon does, in the order in which it
    /// does it.
    ///
    ///     OpenedLog ── acquire ──▶ AcquiredTails ── join ──▶ JoinedTails ── run
    ///
    /// - Parameter started: called when everything needed is there.
    func follow(_ started: () -> Void) async throws {
        let source = try await StoreSource.open(engine)
        defer { source.closeSoon() }
        noteServer(source.store)
        if let start = request.emitFrom {
            try await engine.beginEmitting(request.projections, from: start, in: source.log.id, refolds: false)
        }
        let goal = request.untilCaughtUp ? try await source.currentMark() : nil
        let recheck = try await TailRecheck.open(engine)
        defer { recheck.closeSoon() }
        let opened = OpenedLog(self, source, recheck, goal: goal)
        let acquired = try await opened.acquire()
        started()
        let joined = try await acquired.join()
        defer { joined.closeSoon() }
        try await joined.run()
    }
}

/// The store is open and checked.
struct OpenedLog: Sendable {
    let daemon: TailDaemon
    let source: StoreSource
    let recheck: TailRecheck
    /// Where it ends; nil for ever.
    let goal: GlobalPosition?
    let feed: EventFeed
    let tails: [ProjectionTail]
    let watch: TailWatch

    init(_ daemon: TailDaemon, _ source: StoreSource, _ recheck: TailRecheck, goal: GlobalPosition?) {
        let feed = daemon.makeFeed(source) { try await recheck.passed($0) }
        let tails = daemon.request.projections.map {
            ProjectionTail(projection: $0, daemon: daemon, source: source, feed: feed, goal: goal)
        }
        self.daemon = daemon
        self.source = source
        self.recheck = recheck
        self.goal = goal
        self.feed = feed
        self.tails = tails
        watch = TailWatch(daemon, tails)
    }

    /// Acquires this daemon's live generations before anything is read: a daemon that finds another owner at the start
    /// does not start. A projection whose generation cannot be resumed is stopped; the others continue, if there are
    /// any.
    func acquire() async throws -> AcquiredTails {
        try await watch.look()
        let isForEver = goal == nil
        let found = try await withThrowingTaskGroup(of: (ProjectionName, Result<ProjectionRunner, any Error>?).self) {
            group in
            for tail in tails where tail.orders.isMine {
                group.addTask {
                    do {
                        // The others do not wait for one that is locked.
                        let timeout = isForEver ? .zero : LeaseKeeper.commitLimit
                        return (tail.name, .success(try await tail.open(within: timeout)))
                    } catch {
                        if isForEver && TailRecovery.stopsOne(error) { return (tail.name, .failure(error)) }
                        // Another owner, a lock, a pointer that moves: it is tried again by itself.
                        let code = (error as? EngineError)?.code
                        let mayPass = error.isTransient || code == .owned || code == .fenced
                        guard isForEver && mayPass else { throw error }
                        return (tail.name, nil)
                    }
                }
            }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        let failures = found.values.compactMap { if case .failure(let error) = $0 { error } else { nil } }
        if let first = failures.first, failures.count == tails.count { throw first }
        return AcquiredTails(log: self, runners: found.compactMapValues { try? $0.get() })
    }
}

/// The generations that could be acquired are this daemon's, and in memory.
struct AcquiredTails: Sendable {
    let log: OpenedLog
    let runners: [ProjectionName: ProjectionRunner]

    /// Joins the shared read at the furthest position. Tails too far behind it share a second read if there are
    /// several, as after several resets: each by itself would read the same events again.
    func join() async throws -> JoinedTails {
        let newest = runners.values.map(\.progress.foldedPosition).max()
        await log.feed.begin(at: newest)
        var inboxes = await join(log.feed, Array(runners.values))
        let behind = runners.values.filter { inboxes[$0.projection.name] == nil }
        var catchUp: JoinedTails.CatchUp?
        if behind.count > 1 {
            let source = try await StoreSource.open(log.daemon.engine)
            let feed = log.daemon.makeFeed(source)
            inboxes.merge(await join(feed, behind)) { first, _ in first }
            catchUp = JoinedTails.CatchUp(source: source, feed: feed, goal: newest)
        }
        return JoinedTails(log: log, runners: runners, inboxes: inboxes, catchUp: catchUp)
    }

    /// - Returns: the inboxes of those that are not too far behind.
    private func join(_ feed: EventFeed, _ runners: [ProjectionRunner]) async -> [ProjectionName: Inbox] {
        var inboxes: [ProjectionName: Inbox] = [:]
        for runner in runners {
            let name = runner.projection.name
            guard let inbox = await feed.join(at: runner.progress.foldedPosition, for: name) else { continue }
            log.tails.first { $0.name == name }?.orders.takes(from: inbox)
            inboxes[name] = inbox
        }
        return inboxes
    }
}

/// Every tail knows what to take; nothing is read yet.
struct JoinedTails: Sendable {
    /// A read for tails that are too far behind the others.
    struct CatchUp: Sendable {
        let source: StoreSource
        let feed: EventFeed
        let goal: GlobalPosition?
    }

    private enum End: Sendable {
        /// A tail's, with what ended it before the goal.
        case tail((any Error)?)
        /// The shared read's.
        case feed
        /// The second read's, or that of a watcher, which runs for as long as others work.
        case other
    }

    let log: OpenedLog
    let runners: [ProjectionName: ProjectionRunner]
    let inboxes: [ProjectionName: Inbox]
    let catchUp: CatchUp?

    func closeSoon() { catchUp?.source.closeSoon() }

    /// Reads, folds and watches until the last tail has ended.
    func run() async throws {
        let daemon = log.daemon
        await daemon.reads(with: [log.feed] + (catchUp.map { [$0.feed] } ?? []))
        let failures = try await withThrowingTaskGroup(of: End.self) { group in
            group.addTask {
                try await log.feed.run(until: log.goal)
                return .feed
            }
            if let catchUp {
                group.addTask {
                    try await catchUp.feed.run(until: catchUp.goal)
                    return .other
                }
            }
            for tail in log.tails {
                group.addTask { .tail(try await tail.run(runners[tail.name], inboxes[tail.name])) }
            }
            group.addTask {
                await daemon.keepGoing("the pointers are not watched") { try await log.watch.run() }
                return .other
            }
            group.addTask {
                await daemon.keepGoing("holes are not looked at") { try await log.recheck.run(for: log.tails) }
                return .other
            }
            if daemon.engine.emits && !daemon.request.untilCaughtUp {
                group.addTask {
                    await daemon.keepGoing("emitted events are not appended") { try await daemon.appender.run() }
                    return .other
                }
            }
            // The feed and the tails end by themselves; the watchers never do.
            var (working, failures) = (log.tails.count + 1, [any Error]())
            while let end = try await group.next() {
                switch end {
                case .tail(let failure):
                    if let failure { failures.append(failure) }
                    working -= 1
                case .feed: working -= 1
                case .other: break
                }
                if working == 0 { group.cancelAll() }
            }
            return failures
        }
        // One projection's failure is its own: the others have reached the goal meanwhile.
        if let failure = failures.first { throw failure }
    }
}
