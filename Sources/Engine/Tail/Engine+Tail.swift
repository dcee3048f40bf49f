internal import EventStore
internal import Logging
internal import Postgres
public import Refold

/// What to tail.
public struct TailRequest: Sendable {
    /// The projections.
    public var projections: [any Projection]
    /// Ends at the head that the log has when it starts, for cron and tests.
    public var untilCaughtUp: Bool
    /// As in ``RebuildRequest/emitFrom``.
    public var emitFrom: GlobalPosition?

    /// Tailing for ever, or until caught up.
    public init(_ projections: [any Projection], untilCaughtUp: Bool = false, emitFrom: GlobalPosition? = nil) {
        self.projections = projections
        self.untilCaughtUp = untilCaughtUp
        self.emitFrom = emitFrom
    }
}

extension Engine {
    /// Keeps the live generations up with the log, each event within milliseconds of its commit.
    ///
    /// Several daemons share the projections. Cancelling the task stops it cleanly: reading ends, what was folded is
    /// committed, the generations are released; what does not end within the limit loses its connections. Once it runs,
    /// only wrong settings and a log that is not the one it read before end it; everything else is tried again for
    /// ever.
    ///
    /// - Returns: the windows that failed to commit when it was stopped; nothing is lost, the next start folds them
    ///   again.
    /// - Throws: an error that keeps it from starting: an unreachable server, a store that cannot be read; with
    ///   `untilCaughtUp` also another owner (``EngineError/Code/owned``) and what stopped a projection.
    @discardableResult
    public func tail(_ request: TailRequest) async throws -> [TailRemainder] {
        let tails =
            request.untilCaughtUp
            ? []
            : request.projections.map { projection in
                WorkShare.name(of: projection.name, identity: identity(of: projection).text)
            }
        let keeper = LeaseKeeper(engine: self, tails: tails)
        let daemon = TailDaemon(engine: self, request: request, keeper: keeper, cache: makeCacheWriter(for: "tail"))
        try await runStoppably(stop: { daemon.stop() }) {
            try await keeping(keeper) { try await daemon.run() }
        }
        return daemon.remainders
    }
}

/// A window that could not be committed before a daemon ended.
public struct TailRemainder: Sendable {
    /// The projection.
    public let projection: ProjectionName
    /// The error that prevented it.
    public let error: any Error

    /// Only an operator can help; otherwise the next start resumes by itself.
    public var isStopped: Bool { !error.isTransient }
}
