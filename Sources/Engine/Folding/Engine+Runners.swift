internal import EventStore
internal import Logging
internal import Postgres
internal import Refold

/// What a generation is folded with.
package struct RunnerOptions: Sendable {
    var limits: WindowLimits
    /// Shared by all generations that an operation folds.
    var budget: MemoryBudget
    /// The same.
    var committer: WindowCommitter
    /// How long to wait for a checkpoint that another session has locked.
    var timeout = LeaseKeeper.commitLimit

    package init(limits: WindowLimits, budget: MemoryBudget, committer: WindowCommitter) {
        self.limits = limits
        self.budget = budget
        self.committer = committer
    }
}

/// Opening a generation for folding.
extension Engine {
    /// Acquires a generation and loads what it needs into memory.
    ///
    /// - Parameters:
    ///   - keeper: keeps the lease under which it is acquired.
    ///   - store: the store that it is folded from.
    /// - Throws: ``EngineError/Code/owned`` when a live process owns it, ``EngineError/Code/fenced`` when its former owner
    ///   has pointed at it or given it up since the caller read it.
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
        return try await connection.closedOnFailure { connection in
            let owned = try await keeper.acquire(generation, within: options.timeout, on: connection)
            let generation = try await reread(generation, under: keeper.lease, on: connection)
            let emits = try await emissionScope(of: projection, generation, store, on: connection)
            let writer = GenerationWriter(
                connection: connection,
                generation: generation,
                tables: generation.tables(of: projection),
                owned: owned,
                lease: keeper.lease,
                store: store,
                emits: emits != nil
            )
            return ProjectionRunner(
                projection,
                writer,
                try await .load(projection.model, over: writer, emits: emits, options.budget, options.committer.cache),
                refusals: policy(of: projection),
                options: options,
                time: time,
                logger: logger
            )
        }
    }

    /// A generation as it is now that nobody else can change it. The former owner may have settled it since the caller read
    /// it, and dropped the version tables with that; or pointed at it, which leaves nothing to rebuild.
    private func reread(
        _ read: Generation,
        under lease: Lease,
        on connection: PostgresConnection
    ) async throws -> Generation {
        let current = try await GenerationStore(connection).generation(read.number)
        if let current, current.state != .retired, (current.state == .pointed) == (read.state == .pointed) {
            return current
        }
        try await CheckpointStore(connection).release(read.number, of: lease)
        throw EngineError.fenced(read)
    }
}
