internal import EventStore
internal import Logging
internal import Postgres
internal import Synchronization
internal import Timing

/// Keeps this process's lease alive on a session of its own, and takes generations under it.
package final class LeaseKeeper: Sendable {
    package let lease: Lease
    /// Of other processes' leases.
    private let sightings = Sightings()
    private let engine: Engine
    private let connection = Mutex<PostgresConnection?>(nil)
    private let unreleased = Mutex(UnreleasedGenerations())

    static let purpose = "lease"
    /// How long to wait for a generation whose owner has died while its last commit may still be in flight.
    static let commitLimit: Duration = .seconds(10)

    init(engine: Engine, tails: [String]) {
        self.engine = engine
        lease = Lease(time: engine.settings.leaseTime, tails: tails)
    }

    /// Begins the lease.
    func begin() async throws {
        try engine.requireNoEmissionLoop()
        let connection = try await connected()
        try await engine.requireMigration(on: connection)
        do {
            let leases = LeaseStore(connection)
            try await leases.forgetEnded()
            try await leases.renew(lease)
            engine.silence.begins(lease)
        } catch let error as PostgresError where error.sqlState == .readOnlyTransaction {
            // A standby is refused as such.
            _ = try await StoreInspection.inspect(connection, engine.settings.store)
            throw error
        }
    }

    /// Renews the lease every third of its time until the task is cancelled, over a new session when one is lost.
    func keep() async {
        var backoff = Backoff(limit: nil)
        var wait = lease.time / 3
        while true {
            do { try await engine.time.sleep(for: wait) } catch { return }
            do {
                try await LeaseStore(connected()).renew(lease)
                try await releaseLeft()
                backoff.reset()
                wait = lease.time / 3
            } catch {
                if Task.isCancelled { return }
                engine.logger.warning(
                    "the lease could not be renewed; others may take over what this process owns",
                    metadata: ["cause": "\(error)"]
                )
                await disconnect()
                wait = min(backoff.next() ?? .seconds(1), lease.time / 3)
            }
        }
    }

    /// Releases everything acquired under the lease, and ends it. What cannot be released expires.
    func end() async {
        engine.silence.ends(lease)
        do {
            try await LeaseStore(connected()).end(lease)
        } catch {
            engine.logger.debug("the lease ends by itself", metadata: ["cause": "\(error)"])
        }
        await disconnect()
    }

    /// Takes a generation. Waits for one whose owner has died until its last commit is done or undone, and for one
    /// whose owner cannot be judged until it can be; does not wait for one that a live process owns.
    ///
    /// - Throws: ``EngineError/Code/owned`` naming the owner.
    func acquire(
        _ generation: Generation,
        within timeout: Duration = commitLimit,
        on connection: PostgresConnection
    ) async throws -> OwnedGeneration {
        let deadline = engine.time.now + timeout
        let checkpoints = CheckpointStore(connection)
        while true {
            switch try await acquireOnce(generation, on: connection) {
            case .acquired(let owned): return owned
            case .owned(let ownership): throw EngineError.owned(generation, by: ownership)
            case .unclear: break
            case .locked(let ownership):
                let isAlive = ownership.map { judge($0) == .lives && $0.leaseID != lease.id } ?? false
                if isAlive { throw EngineError.owned(generation, by: ownership) }
                // A dying owner commits or rolls back in a moment. Any other session that has it locked is reported
                // while it is waited for.
                guard timeout > .zero,
                    try await checkpoints.waitUntilUnlocked(generation.number, within: deadline - engine.time.now)
                else {
                    throw EngineError.checkpointLocked(generation)
                }
            }
            try await engine.time.sleep(for: .milliseconds(20))
        }
    }

    /// Takes a generation if that can be done at once.
    func acquireOnce(_ generation: Generation, on connection: PostgresConnection) async throws -> Acquisition {
        while unreleased.withLock({ !$0.keep(generation.number) }) {
            try await engine.time.sleep(for: .milliseconds(10))
        }
        do {
            return try await CheckpointStore(connection).acquire(
                generation.number,
                for: lease,
                sightings,
                at: engine.time.now
            )
        } catch is GenerationGone {
            throw EngineError.fenced(generation)
        }
    }

    /// What can be done about an owner now.
    package func judge(_ ownership: Ownership) -> Ownership.Judgement {
        sightings.judge(ownership, at: engine.time.now)
    }

    // MARK: Releasing what could not be released

    /// A generation could not be released when its runner ended, such as for want of a session: it is released with the
    /// next renewal. As long as the lease names it, nobody else may take it or drop it.
    func releaseLater(_ generation: GenerationNumber) { unreleased.withLock { $0.add(generation) } }

    private func releaseLeft() async throws {
        while let generation = unreleased.withLock({ $0.begin() }) {
            do {
                try await CheckpointStore(connected()).release(generation, of: lease)
            } catch {
                unreleased.withLock { $0.end(isReleased: false) }
                throw error
            }
            unreleased.withLock { $0.end(isReleased: true) }
        }
    }

    private func connected() async throws -> PostgresConnection {
        if let connection = connection.withLock({ $0 }), await connection.isUsable { return connection }
        let opened = try await engine.connect(for: Self.purpose)
        connection.withLock { $0 = opened }
        return opened
    }

    private func disconnect() async {
        await connection.withLock { $0.take() }?.close()
    }
}

extension Engine {
    /// Lends a lease that is kept alive meanwhile, and frees what was taken under it.
    package func withLease<R: Sendable>(_ body: (LeaseKeeper) async throws -> R) async throws -> R {
        let keeper = LeaseKeeper(engine: self, tails: [])
        return try await keeping(keeper) { try await body(keeper) }
    }

    /// Keeps a lease alive while a body runs, and frees what was taken under it.
    func keeping<R: Sendable>(_ keeper: LeaseKeeper, _ body: () async throws -> R) async throws -> R {
        try await keeper.begin()
        // Not a child task: the lease outlives the cancellation of the work that it is for, which still commits then.
        let keeping = Task {
            await keeper.keep()
        }
        let result: Result<R, any Error>
        do {
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        keeping.cancel()
        await keeping.value
        // In a task of its own: a cancelled one's statements are refused.
        await Task { await keeper.end() }.value
        return try result.get()
    }
}
