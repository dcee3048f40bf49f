internal import EventStore
internal import Logging
internal import Postgres
public import Refold

/// What to rebuild, and how.
public struct RebuildRequest: Sendable {
    /// The projections.
    public var projections: [any Projection]
    /// Starts over even where a half-built generation could be gone on with.
    public var fresh: Bool
    /// Stops at this position and leaves the generation half-built, for the next rebuild to go on with.
    public var until: GlobalPosition?

    /// A rebuild to the head of the log, resuming what was interrupted.
    public init(_ projections: [any Projection], fresh: Bool = false, until: GlobalPosition? = nil) {
        self.projections = projections
        self.fresh = fresh
        self.until = until
    }
}

/// How far the rebuild of one projection is.
public struct RebuildProgress: Sendable {
    /// The projection.
    public let projection: ProjectionName
    /// The generation that is being built.
    public let generation: Int64
    /// Everything up to here is folded.
    public let position: GlobalPosition
    /// Where this run began.
    public let start: GlobalPosition
    /// The head of the log when the rebuild began.
    public let target: GlobalPosition
}

/// What became of the rebuild of one projection.
public struct RebuildOutcome: Sendable {
    /// How it ended.
    public enum State: String, Sendable {
        /// The new generation is live.
        case pointed
        /// Folded, but the pointer had moved: the next rebuild only points.
        case ready
        /// Half-built; the next rebuild goes on.
        case building
    }

    /// The projection.
    public let projection: ProjectionName
    /// The generation, nil when none could be made.
    public let generation: Int64?
    /// Where its checkpoint stands.
    public let position: GlobalPosition
    /// Positions that this run passed.
    public let passed: Int64
    /// The time this run took.
    public let duration: Duration
    /// How it ended.
    public let state: State
    /// Why it is not live, where something failed.
    public let error: (any Error)?
}

extension Engine {
    /// Folds new generations of projections from the log and points at them; the live ones serve meanwhile.
    ///
    /// One projection's failure is its own. Transient errors of the database are tried again, from the last commit, for
    /// as long as ``EngineSettings/retryLimit`` says.
    ///
    /// - Parameter progress: called about four times a second.
    /// - Returns: an outcome for each projection, in the order of the request.
    /// - Throws: what concerns all of them, such as a store that cannot be read.
    public func rebuild(
        _ request: RebuildRequest,
        progress: @escaping @Sendable ([RebuildProgress]) -> Void = { _ in }
    ) async throws -> [RebuildOutcome] {
        var pending = request.projections
        var outcomes: [ProjectionName: RebuildOutcome] = [:]
        var isolation: [ProjectionName: FaultIsolation] = [:]
        var backoff = Backoff(limit: settings.retryLimit)
        var hasBegun = false
        if request.fresh {
            try await withConnection(for: "rebuild") { control in
                for projection in request.projections { try await retireUnfinished(projection, on: control) }
            }
        }
        while !pending.isEmpty {
            do {
                // Whoever folds everything anew need not have read this log before.
                let isAll = request.fresh && request.projections.count == projections.count
                let source = try await StoreSource.open(self, adoptsLog: isAll)
                hasBegun = true
                defer { source.closeSoon() }
                let attempted = try await attempt(pending, request, source, isolation, progress)
                var again: Set<ProjectionName> = []
                for outcome in attempted {
                    outcomes[outcome.projection] = outcome
                    guard let error = outcome.error else { continue }
                    let isNarrowed = isolation[outcome.projection, default: FaultIsolation()].narrow(after: error)
                    if isNarrowed || error.isTransient { again.insert(outcome.projection) }
                }
                pending = pending.filter { again.contains($0.name) }
                if pending.isEmpty { break }
                logger.warning("the rebuild is interrupted and tries again", metadata: ["projections": "\(again)"])
            } catch {
                // What cannot even begin is told at once; what fails on the way is tried again.
                guard error.isTransient && hasBegun else { throw error }
                logger.warning("the rebuild is interrupted and tries again", metadata: ["cause": "\(error)"])
            }
            guard let delay = backoff.next() else { break }
            try await Task.sleep(for: delay)
        }
        try await withConnection(for: "drop") { control in
            try await control.forgetLateEvents(of: settings.store.log)
            _ = try await control.dropRetired()
        }
        return request.projections.compactMap { outcomes[$0.name] }
    }

    /// Drops the half-built generations of projections.
    ///
    /// - Returns: their numbers.
    public func abandon(_ projections: [any Projection]) async throws -> [Int64] {
        try await withConnection(for: "abandon") { control in
            var abandoned: [Int64] = []
            for projection in projections {
                if let number = try await retireUnfinished(projection, on: control) { abandoned.append(number) }
            }
            _ = try await control.dropRetired()
            return abandoned
        }
    }

    /// Gives a half-built generation up.
    ///
    /// - Throws: ``EngineError/Code/owned`` when a live process is building it.
    @discardableResult
    private func retireUnfinished(_ projection: any Projection, on control: PostgresConnection) async throws -> Int64? {
        guard let generation = try await control.unfinishedGeneration(of: projection.name) else { return nil }
        _ = try await control.claim(generation, as: Self.owner)
        try await control.setState(.retired, of: generation.number)
        try await control.release(generation.number)
        return generation.number
    }

    // MARK: One attempt

    private func attempt(
        _ projections: [any Projection],
        _ request: RebuildRequest,
        _ source: StoreSource,
        _ isolation: [ProjectionName: FaultIsolation],
        _ progress: @escaping @Sendable ([RebuildProgress]) -> Void
    ) async throws -> [RebuildOutcome] {
        let head = try await source.currentMark()
        let goal = min(head, request.until ?? head)
        let feed = EventFeed(source: source, detachesSlow: false, logger: logger)
        let budget = MemoryBudget(limit: settings.memoryBudget)
        var jobs: [RebuildJob] = []
        var outcomes: [RebuildOutcome] = []
        let cache = try makeCache(for: "rebuild")
        let control = try await connect(for: "rebuild")
        for projection in projections {
            let job = RebuildJob(
                projection: projection,
                engine: self,
                cache: cache,
                goal: goal,
                isWhole: request.until == nil,
                isolation: isolation[projection.name] ?? FaultIsolation()
            )
            do {
                try await job.prepare(on: control)
                jobs.append(job)
            } catch {
                outcomes.append(await job.outcome(.building, error))
            }
        }
        await control.close()
        outcomes += await open(&jobs, budget)
        let reporter = Task { [jobs] in
            while !Task.isCancelled {
                progress(jobs.compactMap { $0.progress })
                try? await Task.sleep(for: .milliseconds(250))
            }
        }
        defer { reporter.cancel() }
        outcomes += try await withThrowingTaskGroup(of: RebuildOutcome?.self) { group in
            for job in jobs {
                let inbox = await feed.join(at: job.startPosition)
                group.addTask { await job.run(inbox) }
            }
            if !jobs.isEmpty {
                group.addTask {
                    try await feed.run(until: goal)
                    return nil
                }
                if request.until == nil {
                    group.addTask {
                        await cache?.openAhead()
                        return nil
                    }
                }
            }
            return try await group.reduce(into: []) { outcomes, outcome in
                if let outcome { outcomes.append(outcome) }
            }
        }
        progress(jobs.compactMap { $0.progress })
        await cache?.close()
        return outcomes
    }

    /// Opens jobs side by side, and takes those that cannot be opened from the list.
    ///
    /// - Returns: the outcomes of the latter.
    private func open(_ jobs: inout [RebuildJob], _ budget: MemoryBudget) async -> [RebuildOutcome] {
        let failures = await withTaskGroup(of: (Int, (any Error)?).self) { group in
            for (index, job) in jobs.enumerated() {
                group.addTask {
                    do {
                        try await job.open(budget)
                        return (index, nil)
                    } catch {
                        return (index, error)
                    }
                }
            }
            return await group.reduce(into: [:]) { failures, opened in failures[opened.0] = opened.1 }
        }
        var outcomes: [RebuildOutcome] = []
        for (index, error) in failures { outcomes.append(await jobs[index].outcome(.building, error)) }
        jobs = jobs.enumerated().filter { failures[$0.offset] == nil }.map(\.element)
        return outcomes
    }
}

extension Error {
    /// Whether the same, repeated on a new connection, may well succeed.
    var isTransient: Bool {
        switch self {
        case let error as PostgresError: error.isTransient
        case let error as EventStoreError: error.isTransient
        case let error as EngineError: error.code == .locked
        default: false
        }
    }
}
