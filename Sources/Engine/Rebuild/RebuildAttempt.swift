internal import EventStore
internal import Postgres
internal import Refold

/// One attempt at rebuilding projections: what they do together.
///
/// Each projection takes its steps by itself, but they begin to read together, so that the log is read once:
///
///     BegunRebuild ─ prepare ─▶ PreparedRebuild ─ open ─▶ OpenRebuild ─ fold ─▶ FoldedRebuild ─ settle ─▶
///     SettledRebuild ─ attach ─▶ AttachedRebuild ─ point ─▶ PointedRebuild ─ tidyUp
///
/// `RebuildSteps.swift` has them in this order.
struct RebuildAttempt: Sendable {
    let engine: Engine
    let request: RebuildRequest
    let keeper: LeaseKeeper
    /// What generations are folded from.
    let log: FoldedLog
    /// Where folding ends.
    let goal: GlobalPosition
    let cache: (any CacheWriter)?
    /// Shared by all projections.
    let budget: MemoryBudget
    /// The same.
    let committer: WindowCommitter

    /// Looks at the log.
    static func begin(
        _ request: RebuildRequest,
        _ engine: Engine,
        under keeper: LeaseKeeper,
        reading source: StoreSource,
        _ cache: (any CacheWriter)?
    ) async throws -> RebuildAttempt {
        if let start = request.emitFrom {
            try await engine.beginEmitting(request.projections, from: start, in: source.log.id, refolds: true)
        }
        let head = try await source.currentMark()
        let firstEvent = try await engine.withConnection(for: "rebuild") { try await source.store.firstEvent(on: $0) }
        return RebuildAttempt(
            engine: engine,
            request: request,
            keeper: keeper,
            log: FoldedLog(store: source.store, id: source.log.id, firstEvent: firstEvent),
            goal: min(head, request.until ?? head),
            cache: cache,
            budget: MemoryBudget(limit: engine.settings.memoryBudget),
            committer: WindowCommitter(cache: cache, metrics: engine.metrics)
        )
    }

    // MARK: All projections together

    /// Resumes or creates a generation for each projection, one after the other.
    ///
    /// - Parameter failed: gets the outcomes of those for which that fails.
    func prepare(_ begun: [BegunRebuild], failed: inout [RebuildOutcome]) async throws -> [PreparedRebuild] {
        let (prepared, failures) = try await engine.withConnection(for: "rebuild") { control in
            var (prepared, failures): ([PreparedRebuild], [RebuildOutcome]) = ([], [])
            for rebuild in begun {
                do {
                    prepared.append(try await rebuild.prepare(on: control))
                } catch {
                    failures.append(rebuild.tracker.outcome(.building, error))
                }
            }
            return (prepared, failures)
        }
        failed += failures
        return prepared
    }

    /// Opens generations side by side.
    func open(_ prepared: [PreparedRebuild], failed: inout [RebuildOutcome]) async -> [OpenRebuild] {
        let ended = await withTaskGroup(of: (open: OpenRebuild?, outcome: RebuildOutcome?).self) { group in
            for rebuild in prepared {
                group.addTask {
                    do {
                        return (try await rebuild.open(), nil)
                    } catch {
                        return (nil, rebuild.tracker.outcome(.building, error))
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        failed += ended.compactMap(\.outcome)
        return ended.compactMap(\.open)
    }

    /// Reads the log for all of them up to the goal; each is then taken to its end.
    func fold(_ open: [OpenRebuild], reading source: StoreSource) async throws -> [RebuildOutcome] {
        guard !open.isEmpty else { return [] }
        let feed = EventFeed(source: source, detachesSlow: false, time: engine.time, logger: engine.logger)
        return try await withThrowingTaskGroup(of: RebuildOutcome?.self) { group in
            for rebuild in open {
                let start = rebuild.runner.progress.foldedPosition
                guard let inbox = await feed.join(at: start, for: rebuild.projection.name) else {
                    preconditionFailure("a feed that has not begun takes everybody")
                }
                group.addTask { await rebuild.run(inbox) }
            }
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
            return try await group.reduce(into: []) { outcomes, outcome in
                if let outcome { outcomes.append(outcome) }
            }
        }
    }
}
