package import EventStore
package import Postgres
package import Refold
internal import Timing

/// A generation's checkpoint, as `refold.checkpoints` has it.
package struct Checkpoint: Sendable {
    /// The last position whose effects the generation has.
    package let position: GlobalPosition
    /// What commits to the generation have to state.
    package let fencingValue: FencingValue
    /// The last event at or below the position, by which the log is known again; nil when there was none.
    package let anchor: LogAnchor?
}

/// The checkpoints and the owners that they name: the rows of `refold.checkpoints`. Commits advance a checkpoint by
/// themselves, in the same round trip as their rows: see ``GenerationWriter``.
package struct CheckpointStore: Sendable {
    private let connection: PostgresConnection

    /// The store on a session, in a transaction of the caller's or outside of one.
    package init(_ connection: PostgresConnection) { self.connection = connection }

    // MARK: Positions

    /// Adds the checkpoint of a new generation, at position 0.
    func add(_ generation: GenerationNumber) async throws {
        try await connection.execute(Statements.add, [.int64(generation.rawValue)])
    }

    /// A generation's checkpoint; nil when it was dropped.
    ///
    /// - Parameter lock: takes the row until the end of the transaction, so that its owner's next commit waits.
    package func checkpoint(of generation: GenerationNumber, lock: Bool = false) async throws -> Checkpoint? {
        try await connection.query(
            lock ? Statements.checkpoint + " FOR UPDATE" : Statements.checkpoint,
            [.int64(generation.rawValue)]
        ).rows.first.map { try Checkpoint($0) }
    }

    /// The last position whose effects a generation has; zero when it was dropped.
    ///
    /// - Parameter lock: as in ``checkpoint(of:lock:)``.
    package func position(of generation: GenerationNumber, lock: Bool = false) async throws -> GlobalPosition {
        try await checkpoint(of: generation, lock: lock)?.position ?? .zero
    }

    /// The furthest position of a log to which a live generation has been folded; nil without one.
    func newestLivePosition(in log: LogID) async throws -> GlobalPosition? {
        try await connection.query(Statements.newestLive, [.int64(log.rawValue)])
            .rows.first?.optionalInt64(0).map { GlobalPosition($0) }
    }

    // MARK: Owners

    /// Makes a lease the owner of a generation, unless a live process owns it. A transaction of its own.
    ///
    /// - Parameter sightings: when leases whose age the server cannot tell were first seen.
    package func acquire(
        _ generation: GenerationNumber,
        for lease: Lease,
        _ sightings: Sightings,
        at now: ContinuousClock.Instant
    ) async throws -> Acquisition {
        do {
            return try await connection.transaction { connection in
                let locked = try connection.query(Statements.lockNow, [.int64(generation.rawValue)]).rows.first
                guard let locked else { throw GenerationGone() }
                let checkpoint = try Checkpoint(locked)
                let ownership = try await ownership(of: generation)
                if let ownership, ownership.leaseID != lease.id {
                    switch sightings.judge(ownership, at: now) {
                    case .isGone: break
                    case .lives: return .owned(ownership)
                    case .isUnclear(let end): return .unclear(ownership, until: end)
                    }
                }
                let drawn = try connection.query(
                    Statements.acquire,
                    [.int64(generation.rawValue), .uuid(lease.id)]
                )
                return .acquired(
                    OwnedGeneration(
                        fencingValue: FencingValue(try drawn.int64(0, 0)),
                        position: checkpoint.position
                    )
                )
            }
        } catch let error as PostgresError where error.sqlState == .lockNotAvailable {
            return .locked(try await ownership(of: generation))
        }
    }

    /// Waits until no session has a generation's checkpoint locked.
    ///
    /// - Returns: false when one still has.
    func waitUntilUnlocked(_ generation: GenerationNumber, within timeout: Duration) async throws -> Bool {
        let limit = max(1, timeout.milliseconds)
        do {
            try await connection.transaction { connection in
                try connection.executeScript("SET LOCAL lock_timeout = \(limit)")
                try connection.execute(Statements.lock, [.int64(generation.rawValue)])
            }
            return true
        } catch let error as PostgresError where error.sqlState == .lockNotAvailable {
            return false
        }
    }

    /// Releases a generation, for the next owner to acquire at once.
    package func release(_ generation: GenerationNumber, of lease: Lease) async throws {
        try await connection.execute(Statements.release, [.int64(generation.rawValue), .uuid(lease.id)])
    }

    /// The generation's last owner, unless it released it; nil for none, and for an owner whose lease was forgotten.
    package func ownership(of generation: GenerationNumber) async throws -> Ownership? {
        try await connection.query(Statements.ownership, [.int64(generation.rawValue)]).rows.first
            .map { try Ownership($0) }
    }

    /// Refuses what the present owners of generations have not committed yet. Part of pointing.
    func renewFencingValues(of generations: [GenerationNumber]) async throws {
        try await connection.execute(Statements.renewFencingValues, [.int64Array(generations.map(\.rawValue))])
    }
}

extension CheckpointStore {
    private enum Statements {
        static let add = "INSERT INTO refold.checkpoints (generation) VALUES ($1)"

        static let checkpoint = "SELECT \(Checkpoint.columns) FROM refold.checkpoints WHERE generation = $1"

        static let lock = "SELECT FROM refold.checkpoints WHERE generation = $1 FOR UPDATE"

        /// NOWAIT: an owner that is committing a window is alive, however long ago its lease was renewed.
        static let lockNow = checkpoint + " FOR UPDATE NOWAIT"

        static let newestLive = """
            SELECT max(c.position) FROM refold.projections p JOIN refold.generations g ON g.generation = p.live
              JOIN refold.checkpoints c ON c.generation = p.live WHERE coalesce(g.log_id, $1) = $1
            """

        static let acquire = """
            UPDATE refold.checkpoints
               SET owner = $2, owner_since = clock_timestamp(), fencing_value = refold.new_fencing_value()
             WHERE generation = $1 RETURNING fencing_value
            """

        static let release = """
            UPDATE refold.checkpoints SET owner = NULL, owner_since = NULL WHERE generation = $1 AND owner = $2
            """

        static let ownership = """
            SELECT \(Ownership.columns) FROM refold.checkpoints c JOIN refold.owners o ON o.id = c.owner
             WHERE c.generation = $1
            """

        static let renewFencingValues = """
            UPDATE refold.checkpoints SET fencing_value = refold.new_fencing_value() WHERE generation = ANY ($1)
            """
    }
}

extension Checkpoint {
    /// What is read of `refold.checkpoints`.
    fileprivate static let columns = "position, fencing_value, anchor_position, anchor"

    fileprivate init(_ row: PostgresRow) throws {
        var anchor: LogAnchor?
        if let position = try row.optionalInt64("anchor_position"), let event = try row.optionalText("anchor") {
            anchor = LogAnchor(position: GlobalPosition(position), event: event)
        }
        self.init(
            position: GlobalPosition(try row.int64("position")),
            fencingValue: FencingValue(try row.int64("fencing_value")),
            anchor: anchor
        )
    }
}

/// A generation was dropped before it could be acquired.
struct GenerationGone: Error {}

extension EngineError {
    static func owned(_ generation: Generation, by ownership: Ownership?) -> EngineError {
        let who =
            ownership.map(\.owner).map { owner in
                "\(owner)\(owner.since.map { ", since \($0)" } ?? "")"
            } ?? "a process that is just acquiring or releasing it"
        return EngineError(
            .owned,
            projection: generation.projection,
            "\(generation.projection) generation \(generation.number) is owned by \(who)",
            remedy: "stop that process or try again later"
        )
    }

    static func checkpointLocked(_ generation: Generation) -> EngineError {
        EngineError(
            .locked,
            projection: generation.projection,
            "the checkpoint of \(generation.projection) generation \(generation.number) is locked, and not by its owner",
            remedy: "end the transaction that has it (pg_locks, pg_stat_activity)"
        )
    }

    static func fenced(_ generation: Generation) -> EngineError {
        EngineError(
            .fenced,
            projection: generation.projection,
            "\(generation.projection) generation \(generation.number) was taken over or left by the pointer",
            remedy: "nothing to do: the daemon continues with the live generation, a rebuild can be run again"
        )
    }
}
