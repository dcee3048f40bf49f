internal import EventStore
internal import Glibc
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
    }

    /// Takes a generation over and puts what it needs into memory.
    ///
    /// - Throws: ``EngineError/Code/owned`` when a live process has it.
    func openRunner(
        _ projection: any Projection,
        _ generation: Generation,
        _ options: RunnerOptions
    ) async throws -> ProjectionRunner {
        // Row look-ups join a few keys with a keyed table; statistics of a table that grew since its last ANALYZE would
        // talk the planner into reading it whole.
        let connection = try await connect(
            for: projection.name.rawValue,
            ["enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"]
        )
        do {
            let claim = try await claim(generation, on: connection)
            let runner = ProjectionRunner(
                projection: projection,
                writer: GenerationWriter(
                    connection: connection,
                    generation: generation,
                    tables: generation.tables(of: projection),
                    claim: claim,
                    events: quoteIdentifier(settings.store.schema, settings.store.eventsTable)
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

    /// Claims a generation. An owner that died on this machine may still have a session for a moment, until the server
    /// notices; it is waited for. A live owner is not.
    private func claim(_ generation: Generation, on connection: PostgresConnection) async throws -> Claim {
        let deadline = ContinuousClock.now + .seconds(10)
        while true {
            do {
                return try await connection.claim(generation, as: Self.owner)
            } catch let error as EngineError where error.code == .owned {
                let owner = try await connection.owner(of: generation.number)
                guard owner.map(Self.isDead) ?? true, ContinuousClock.now < deadline else { throw error }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    /// Whether the owner was a process of this machine that is gone.
    private static func isDead(_ other: Owner) -> Bool {
        other.host == owner.host && other.pid != owner.pid && kill(other.pid, 0) != 0 && errno == ESRCH
    }
}
