internal import EventStore
internal import Logging
internal import Postgres
public import Refold

/// What to rebuild, and how.
public struct RebuildRequest: Sendable {
    /// The projections.
    public var projections: [any Projection]
    /// Starts over even where a half-built generation could be resumed, and from whatever log is there now, even if it
    /// is not the one that the live generation was folded from.
    public var fresh: Bool
    /// Stops at this position and leaves the generation half-built, for the next rebuild to resume.
    public var until: GlobalPosition?
    /// Goes ahead although the oldest events that the live generation was folded from are gone: their effects are not
    /// in the new one.
    public var acceptsShortenedLog: Bool
    /// The first position whose event emits, for projections that have emitted nothing yet; nil for events after the
    /// first time that they are pointed at.
    public var emitFrom: GlobalPosition?

    /// A rebuild to the head of the log, resuming what was interrupted.
    public init(
        _ projections: [any Projection],
        fresh: Bool = false,
        until: GlobalPosition? = nil,
        acceptsShortenedLog: Bool = false,
        emitFrom: GlobalPosition? = nil
    ) {
        self.projections = projections
        self.fresh = fresh
        self.until = until
        self.acceptsShortenedLog = acceptsShortenedLog
        self.emitFrom = emitFrom
    }
}

/// How far the rebuild of one projection is.
public struct RebuildProgress: Sendable {
    /// The projection.
    public let projection: ProjectionName
    /// The generation that is being built.
    public let generation: GenerationNumber
    /// Everything up to here is folded.
    public let position: GlobalPosition
    /// Where this run began.
    public let start: GlobalPosition
    /// The head of the log when the rebuild began.
    public let target: GlobalPosition
}

/// The outcome of the rebuild of one projection.
public struct RebuildOutcome: Sendable {
    /// How it ended.
    public enum State: String, Sendable {
        /// The new generation is live.
        case pointed
        /// Folded, but the pointer had moved: the next rebuild only points.
        case ready
        /// Half-built; the next rebuild resumes it.
        case building
    }

    /// The projection.
    public let projection: ProjectionName
    /// The generation, nil when none could be made.
    public let generation: GenerationNumber?
    /// Its checkpoint.
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
    /// One projection's failure is its own. Transient errors of the database are tried again, from the last commit, until
    /// nothing was committed for as long as ``EngineSettings/retryLimit`` says.
    ///
    /// - Parameter progress: called about four times a second.
    /// - Returns: an outcome for each projection, in the order of the request.
    /// - Throws: an error that concerns all of them and keeps the rebuild from beginning, such as a store that cannot
    ///   be read.
    public func rebuild(
        _ request: RebuildRequest,
        progress: @escaping @Sendable ([RebuildProgress]) -> Void = { _ in }
    ) async throws -> [RebuildOutcome] {
        let outcomes = try await withLease { keeper in
            var run = RebuildRun(engine: self, request: request, keeper: keeper, progress: progress)
            return try await run.run()
        }
        await dropRetired()
        return outcomes
    }

    /// Drops the half-built generations of projections.
    ///
    /// - Returns: their numbers.
    /// - Throws: ``EngineError/Code/owned`` when a live process is building one.
    public func abandon(_ projections: [any Projection]) async throws -> [GenerationNumber] {
        let abandoned = try await withLease { keeper in
            try await withConnection(for: "abandon") { control in
                var abandoned: [GenerationNumber] = []
                for projection in projections {
                    if let number = try await retireUnfinished(projection, under: keeper, on: control) {
                        abandoned.append(number)
                    }
                }
                return abandoned
            }
        }
        await dropRetired()
        return abandoned
    }

    /// Abandons a half-built generation.
    ///
    /// - Returns: its number; nil when there is none.
    /// - Throws: ``EngineError/Code/owned`` when a live process is building it.
    @discardableResult
    func retireUnfinished(
        _ projection: any Projection,
        under keeper: LeaseKeeper,
        on control: PostgresConnection
    ) async throws -> GenerationNumber? {
        guard let generation = try await GenerationStore(control).unfinished(of: projection.name) else { return nil }
        try await retire(generation, under: keeper, on: control)
        return generation.number
    }

    /// Leaves a half-built generation to be dropped.
    ///
    /// - Throws: ``EngineError/Code/owned`` when a live process is building it.
    func retire(_ generation: Generation, under keeper: LeaseKeeper, on control: PostgresConnection) async throws {
        _ = try await keeper.acquire(generation, on: control)
        try await GenerationStore(control).setState(.retired, of: generation.number)
        try await CheckpointStore(control).release(generation.number, of: keeper.lease)
    }
}

extension Error {
    /// Whether the same, repeated on a new connection, may well succeed.
    package var isTransient: Bool {
        switch self {
        case let error as PostgresError: error.isTransient
        case let error as EventStoreError: error.isTransient
        case let error as EngineError: error.code == .locked
        default: false
        }
    }
}
