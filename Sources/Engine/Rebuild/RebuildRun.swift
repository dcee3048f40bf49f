internal import EventStore
internal import Logging
internal import Postgres
internal import Refold

/// A rebuild from its beginning to an outcome for every projection: attempts, each from the last commit on, until all
/// have ended or nothing gets on any more.
struct RebuildRun {
    private let engine: Engine
    private let request: RebuildRequest
    private let keeper: LeaseKeeper
    private let progress: @Sendable ([RebuildProgress]) -> Void

    private var pending: [any Projection]
    private var outcomes: [ProjectionName: RebuildOutcome] = [:]
    private var bisection: [ProjectionName: FaultBisection] = [:]
    private var backoff: Backoff
    /// The jobs of the attempt under way, or of the last one.
    private var jobs: [RebuildJob] = []
    /// The furthest checkpoint from which an attempt began.
    private var furthest: [ProjectionName: GlobalPosition] = [:]

    init(
        engine: Engine,
        request: RebuildRequest,
        keeper: LeaseKeeper,
        progress: @escaping @Sendable ([RebuildProgress]) -> Void
    ) {
        self.engine = engine
        self.request = request
        self.keeper = keeper
        self.progress = progress
        pending = request.projections
        backoff = Backoff(limit: engine.settings.retryLimit)
    }

    /// - Returns: an outcome for each projection, in the order of the request.
    /// - Throws: what kept the first attempt from beginning; `CancellationError`.
    mutating func run() async throws -> [RebuildOutcome] {
        if request.fresh { try await retireUnfinished() }
        var hasBegun = false
        while !pending.isEmpty {
            do {
                let source = try await StoreSource.open(engine, adoptsLog: request.fresh)
                hasBegun = true
                defer { source.closeSoon() }
                let attempted = try await attempt(source)
                keep(attempted)
                if pending.isEmpty { break }
                logInterruption(attempted.compactMap(\.error).first)
            } catch {
                // What cannot even begin is told at once; what fails on the way is tried again, and so is what fails
                // although the server was there a moment ago.
                guard hasBegun || error.isTransient else { throw error }
                try Task.checkCancellation()
                await keepInterrupted(by: error)
                if !error.isTransient { break }
                logInterruption(error)
            }
            try Task.checkCancellation()
            guard let delay = backoff.next() else { break }
            try await Task.sleep(for: delay)
        }
        return request.projections.compactMap { outcomes[$0.name] }
    }

    private func retireUnfinished() async throws {
        try await engine.withConnection(for: "rebuild") { [engine, request, keeper] control in
            for projection in request.projections {
                try await engine.retireUnfinished(projection, under: keeper, on: control)
            }
        }
    }

    // MARK: Between attempts

    /// Takes the outcomes of an attempt in; what may go better the next time stays pending.
    private mutating func keep(_ attempted: [RebuildOutcome]) {
        var again: Set<ProjectionName> = []
        for outcome in attempted {
            outcomes[outcome.projection] = outcome
            guard let error = outcome.error else {
                backoff.reset()
                continue
            }
            let isNarrowed = bisection[outcome.projection, default: FaultBisection()].narrow(after: error)
            if isNarrowed || error.isTransient { again.insert(outcome.projection) }
        }
        pending = pending.filter { again.contains($0.name) }
    }

    /// An attempt was interrupted as a whole: nobody goes without an outcome.
    private mutating func keepInterrupted(by error: any Error) async {
        for projection in pending {
            outcomes[projection.name] =
                if let job = jobs.first(where: { $0.projection.name == projection.name }) {
                    await job.outcome(.building, error)
                } else {
                    RebuildOutcome(notBegun: projection.name, error)
                }
        }
    }

    /// What was committed since the attempt before shows that trying is worth while.
    private mutating func noteStarts() {
        for job in jobs where job.startPosition > furthest[job.projection.name] ?? .zero {
            if furthest[job.projection.name] != nil { backoff.reset() }
            furthest[job.projection.name] = job.startPosition
        }
        for job in jobs where furthest[job.projection.name] == nil { furthest[job.projection.name] = .zero }
    }

    private func logInterruption(_ error: (any Error)?) {
        engine.logger.warning(
            "the rebuild is interrupted and tries again",
            metadata: [
                "projections": "\(pending.map(\.name.rawValue).joined(separator: ","))",
                "cause": "\(error.map { "\($0)" } ?? "")",
            ]
        )
    }

    // MARK: One attempt

    private mutating func attempt(_ source: StoreSource) async throws -> [RebuildOutcome] {
        let cache = engine.makeCacheWriter(for: "rebuild")
        do {
            let outcomes = try await attempt(source, cache)
            await cache?.close()
            return outcomes
        } catch {
            await cache?.close()
            throw error
        }
    }

    private mutating func attempt(_ source: StoreSource, _ cache: (any CacheWriter)?) async throws -> [RebuildOutcome] {
        jobs = []
        let head = try await source.currentMark()
        let goal = min(head, request.until ?? head)
        let feed = EventFeed(source: source, detachesSlow: false, logger: engine.logger)
        var outcomes = try await prepare(source, goal, cache)
        outcomes += await open(MemoryBudget(limit: engine.settings.memoryBudget), WindowCommitter(cache: cache))
        noteStarts()
        let reporter = Task { [jobs, progress] in
            while !Task.isCancelled {
                progress(jobs.compactMap { $0.progress })
                try? await Task.sleep(for: .milliseconds(250))
            }
        }
        defer { reporter.cancel() }
        outcomes += try await fold(feed, goal, cache)
        progress(jobs.compactMap { $0.progress })
        return outcomes
    }

    /// Takes up or creates a generation for each projection.
    ///
    /// - Returns: the outcomes of those for which there is none.
    private mutating func prepare(
        _ source: StoreSource,
        _ goal: GlobalPosition,
        _ cache: (any CacheWriter)?
    ) async throws -> [RebuildOutcome] {
        var outcomes: [RebuildOutcome] = []
        let control = try await engine.connect(for: "rebuild")
        let log = FoldedLog(
            store: source.store,
            id: source.log.id,
            firstEvent: try await source.store.firstEvent(on: control)
        )
        for projection in pending {
            let job = RebuildJob(
                projection: projection,
                engine: engine,
                keeper: keeper,
                log: log,
                request: request,
                cache: cache,
                goal: goal,
                bisection: bisection[projection.name] ?? FaultBisection()
            )
            do {
                try await job.prepare(on: control)
                jobs.append(job)
            } catch {
                outcomes.append(await job.outcome(.building, error))
            }
        }
        await control.close()
        return outcomes
    }

    /// Opens jobs side by side, and takes those that cannot be opened from the list.
    ///
    /// - Returns: the outcomes of the latter.
    private mutating func open(_ budget: MemoryBudget, _ committer: WindowCommitter) async -> [RebuildOutcome] {
        let failures = await withTaskGroup(of: (Int, (any Error)?).self) { [jobs] group in
            for (index, job) in jobs.enumerated() {
                group.addTask {
                    do {
                        try await job.open(budget, committer)
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

    private func fold(_ feed: EventFeed, _ goal: GlobalPosition, _ cache: (any CacheWriter)?) async throws
        -> [RebuildOutcome]
    {
        try await withThrowingTaskGroup(of: RebuildOutcome?.self) { group in
            for job in jobs {
                let inbox = await feed.join(at: job.startPosition, for: job.projection.name)
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
    }
}

extension RebuildOutcome {
    /// Nothing could be done for a projection.
    fileprivate init(notBegun projection: ProjectionName, _ error: any Error) {
        self.init(
            projection: projection,
            generation: nil,
            position: .zero,
            passed: 0,
            duration: .zero,
            state: .building,
            error: error
        )
    }
}
