internal import EventStore
internal import Logging
internal import Postgres
internal import Refold

/// Opening a generation for folding.
extension Engine {
    /// What a runner is opened for.
    struct RunnerOptions: Sendable {
        var limits: WindowLimits
        var budget: MemoryBudget
        var cache: (any CacheFollower)?
        /// How long a checkpoint is waited for that somebody has locked.
        var timeout = LeaseKeeper.commitLimit
    }

    /// Takes a generation over and puts what it needs into memory.
    ///
    /// - Parameters:
    ///   - keeper: of the lease under which it is taken.
    ///   - store: the store that it is folded from.
    /// - Throws: ``EngineError/Code/owned`` when a live process has it.
    func openRunner(
        _ projection: any Projection,
        _ generation: Generation,
        under keeper: LeaseKeeper,
        of store: ValidatedStore,
        _ options: RunnerOptions
    ) async throws -> ProjectionRunner {
        // Row look-ups join a few keys with a keyed table; statistics of a table that grew since its last ANALYZE would
        // talk the planner into reading it whole.
        let connection = try await connect(
            for: projection.name.rawValue,
            ["enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"]
        )
        do {
            let owned = try await keeper.acquire(generation, within: options.timeout, on: connection)
            let runner = ProjectionRunner(
                projection: projection,
                writer: GenerationWriter(
                    connection: connection,
                    generation: generation,
                    tables: generation.tables(of: projection),
                    owned: owned,
                    lease: keeper.lease,
                    store: store
                ),
                policy: policy(of: projection),
                options: options,
                logger: logger
            )
            try await runner.loadRows()
            return runner
        } catch {
            await connection.close()
            throw error
        }
    }
}
