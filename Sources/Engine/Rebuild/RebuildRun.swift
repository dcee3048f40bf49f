internal import EventStore
internal import Logging
internal import Postgres
internal import Refold
internal import Timing

/// A rebuild from its beginning to an outcome for every projection: attempts, each from the last commit on, until all
/// have ended or none makes progress any more.
struct RebuildRun {
    private let engine: Engine
    private let request: RebuildRequest
    private let keeper: LeaseKeeper
    private let progress: @Sendable ([RebuildProgress]) -> Void

    private var pending: [any Projection]
    private var outcomes: [ProjectionName: RebuildOutcome] = [:]
    private var bisection: [ProjectionName: FaultBisection] = [:]
    private var backoff: Backoff
    /// Of the present attempt, or of the last one.
    private var trackers: [RebuildTracker]
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
        trackers = pending.map { RebuildTracker($0.name, engine.time) }
        backoff = Backoff(limit: engine.settings.retryLimit)
    }

    /// - Returns: an outcome for each projection, in the order of the request.
    /// - Throws: the error that kept the first attempt from beginning; `CancellationError`.
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
                // A rebuild that cannot even begin fails at once; one that fails on the way is tried again, and so is
                // one that fails although the server was there a moment ago.
                guard hasBegun || error.isTransient else { throw error }
                try Task.checkCancellation()
                keepInterrupted(by: error)
                if !error.isTransient { break }
                logInterruption(error)
            }
            try Task.checkCancellation()
            guard let delay = backoff.next() else { break }
            try await engine.time.sleep(for: delay)
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

    /// Takes in the outcomes of an attempt; a projection that may succeed next time stays pending.
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

    /// An attempt was interrupted as a whole: every projection still gets an outcome.
    private mutating func keepInterrupted(by error: any Error) {
        let names = Set(pending.map(\.name))
        for tracker in trackers where names.contains(tracker.projection) {
            outcomes[tracker.projection] = tracker.outcome(.building, error)
        }
    }

    /// Progress committed since the previous attempt shows that trying again is worthwhile.
    private mutating func noteStarts() {
        for tracker in trackers {
            guard let start = tracker.startPosition else { continue }
            if let before = furthest[tracker.projection], start > before { backoff.reset() }
            furthest[tracker.projection] = max(start, furthest[tracker.projection] ?? .zero)
        }
    }

    private func logInterruption(_ error: (any Error)?) {
        for projection in pending { engine.metrics[projection.name]?.retried() }
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
        trackers = pending.map { RebuildTracker($0.name, engine.time) }
        let attempt = try await RebuildAttempt.begin(request, engine, under: keeper, reading: source, cache)
        let begun = zip(pending, trackers).map { projection, tracker in
            BegunRebuild(
                projection: projection,
                attempt: attempt,
                bisection: bisection[projection.name] ?? FaultBisection(),
                tracker: tracker
            )
        }
        var outcomes: [RebuildOutcome] = []
        let prepared = try await attempt.prepare(begun, failed: &outcomes)
        let open = await attempt.open(prepared, failed: &outcomes)
        noteStarts()
        let report = { @Sendable [trackers, progress] in
            progress(trackers.compactMap { $0.progress(to: attempt.goal) })
        }
        let reporter = Task { [engine] in
            while !Task.isCancelled {
                report()
                try? await engine.time.sleep(for: .milliseconds(250))
            }
        }
        defer { reporter.cancel() }
        outcomes += try await attempt.fold(open, reading: source)
        report()
        return outcomes
    }
}
