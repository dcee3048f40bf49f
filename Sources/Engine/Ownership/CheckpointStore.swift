internal import EventStore
package import Postgres
package import Refold
internal import Timing

/// A generation that this process owns: what its commits state.
package struct OwnedGeneration: Sendable {
    /// Drawn when the generation was acquired; changes as soon as it is another's, or the pointer moves.
    package let fencingValue: FencingValue
    /// Its checkpoint when it was acquired.
    package let position: GlobalPosition

    package init(fencingValue: FencingValue, position: GlobalPosition) {
        self.fencingValue = fencingValue
        self.position = position
    }
}

/// What came of an attempt to acquire a generation.
package enum Acquisition: Sendable {
    case acquired(OwnedGeneration)
    /// A live process owns it.
    case owned(Ownership)
    /// Its checkpoint is locked: a commit, a switchover or somebody else's attempt is in flight.
    case locked(Ownership?)
    /// It cannot be told before this moment whether the owner lives.
    case unclear(Ownership, until: ContinuousClock.Instant)
}

/// Leases, and the generations that they own.
extension PostgresConnection {
    // MARK: Leases

    /// Begins a lease, or renews it. A standby that commits wait for and that is gone does not end it.
    package func hold(_ lease: Lease) throws {
        // Without a name for the server's run nobody could judge the lease by the server's clock.
        _ = try ServerRun.current(on: self)
        let holding = PostgresStatement(
            """
            INSERT INTO refold.owners AS o (id, host, boot, pid_namespace, started, pid, tails, lease_milliseconds, server_run)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, (SELECT id FROM refold.server_run))
            ON CONFLICT (id) DO UPDATE
               SET renewed_at = clock_timestamp(), server_run = excluded.server_run, tails = excluded.tails
            """,
            [
                .uuid(lease.id), .text(lease.process.host), .text(lease.process.boot),
                .text(lease.process.pidNamespace), .int64(lease.process.started), .int32(lease.process.pid),
                .textArray(lease.tails), .int64(max(1, lease.time.milliseconds)),
            ]
        )
        try pipelineLocally(holding)
    }

    /// Says what the sessions of a lease's process wait for: by projection, under "" for those that serve all. Does not wait
    /// for a lock itself.
    func setWaits(_ waits: [String: String], of lease: Lease) throws {
        try pipelineLocally(
            PostgresStatement(
                """
                UPDATE refold.owners
                   SET waiting_for = (SELECT jsonb_object_agg(k, v) FROM unnest($2::text[], $3::text[]) AS waits (k, v))
                 WHERE id = $1
                """,
                [.uuid(lease.id), .textArray(waits.map(\.key)), .textArray(waits.map(\.value))]
            ),
            after: PostgresStatement("SET LOCAL lock_timeout = '500ms'")
        )
    }

    /// One statement whose commit waits for no standby.
    private func pipelineLocally(_ statement: PostgresStatement, after setting: PostgresStatement? = nil) throws {
        let begin = [PostgresStatement("BEGIN"), PostgresStatement("SET LOCAL synchronous_commit = local")]
        try pipelineTransaction(begin + [setting].compactMap { $0 } + [statement, PostgresStatement("COMMIT")])
    }

    /// Ends a lease, and with it frees everything that it owns: an owner without a lease is none. Checkpoints that nobody
    /// has locked say so as well.
    package func end(_ lease: Lease) throws {
        try pipelineLocally(PostgresStatement("DELETE FROM refold.owners WHERE id = $1", [.uuid(lease.id)]))
        try pipelineLocally(
            PostgresStatement(
                """
                UPDATE refold.checkpoints SET owner = NULL, owner_since = NULL
                 WHERE generation IN (SELECT generation FROM refold.checkpoints WHERE owner = $1 FOR UPDATE SKIP LOCKED)
                """,
                [.uuid(lease.id)]
            )
        )
    }

    /// Forgets leases that ended long ago without being given back.
    package func forgetEndedLeases() throws {
        try execute(
            """
            DELETE FROM refold.owners o WHERE renewed_at + 10 * lease_milliseconds * interval '1 ms' < clock_timestamp()
               AND NOT EXISTS (SELECT FROM refold.checkpoints c WHERE c.owner = o.id)
            """
        )
    }

    // MARK: Generations

    /// Makes a lease the owner of a generation, unless a live process owns it. A transaction of its own.
    ///
    /// - Parameter sightings: when leases were seen first whose age the server cannot tell.
    package func acquire(_ generation: GenerationNumber, for lease: Lease, _ sightings: Sightings) async throws
        -> Acquisition
    {
        do {
            return try await transaction { connection in
                // NOWAIT: who commits a window right now is alive, however long ago its lease was renewed.
                let row = try connection.query(
                    "SELECT position FROM refold.checkpoints WHERE generation = $1 FOR UPDATE NOWAIT",
                    [.int64(generation.rawValue)]
                ).rows.first
                guard let row else { throw GenerationGone() }
                let position = GlobalPosition(try row.int64("position"))
                if let ownership = try connection.ownership(of: generation), ownership.leaseID != lease.id {
                    switch sightings.judge(ownership) {
                    case .isGone: break
                    case .lives: return .owned(ownership)
                    case .isUnclear(let end): return .unclear(ownership, until: end)
                    }
                }
                let drawn = try connection.query(
                    """
                    UPDATE refold.checkpoints
                       SET owner = $2, owner_since = clock_timestamp(), fencing_value = refold.new_fencing_value()
                     WHERE generation = $1 RETURNING fencing_value
                    """,
                    [.int64(generation.rawValue), .uuid(lease.id)]
                )
                return .acquired(OwnedGeneration(fencingValue: FencingValue(try drawn.int64(0, 0)), position: position))
            }
        } catch let error as PostgresError where error.sqlState == .lockNotAvailable {
            return .locked(try ownership(of: generation))
        }
    }

    /// Waits until nobody has locked a generation's checkpoint.
    ///
    /// - Returns: false when somebody still has.
    func waitForCheckpoint(of generation: GenerationNumber, until deadline: ContinuousClock.Instant) async throws
        -> Bool
    {
        let limit = max(1, (deadline - .now).milliseconds)
        do {
            try await transaction { connection in
                try connection.executeScript("SET LOCAL lock_timeout = \(limit)")
                try connection.execute(
                    "SELECT FROM refold.checkpoints WHERE generation = $1 FOR UPDATE",
                    [.int64(generation.rawValue)]
                )
            }
            return true
        } catch let error as PostgresError where error.sqlState == .lockNotAvailable {
            return false
        }
    }

    /// Releases a generation, for the next owner to acquire at once.
    package func release(_ generation: GenerationNumber, of lease: Lease) throws {
        try execute(
            "UPDATE refold.checkpoints SET owner = NULL, owner_since = NULL WHERE generation = $1 AND owner = $2",
            [.int64(generation.rawValue), .uuid(lease.id)]
        )
    }

    /// Who acquired the generation last and did not release it; nil for nobody, and for an owner whose lease was forgotten.
    package func ownership(of generation: GenerationNumber) throws -> Ownership? {
        try query(
            "SELECT \(Ownership.columns) FROM refold.checkpoints c JOIN refold.owners o ON o.id = c.owner WHERE c.generation = $1",
            [.int64(generation.rawValue)]
        ).rows.first.map { try Ownership($0) }
    }
}

/// A generation was dropped before it could be acquired.
struct GenerationGone: Error {}

extension Ownership {
    /// What is read of `refold.checkpoints c` and `refold.owners o` to judge an owner.
    static let columns = """
        o.id::text AS lease_id, o.host, o.boot, o.pid_namespace, o.started, o.pid, o.lease_milliseconds, c.owner_since,
        o.renewed_at + o.lease_milliseconds * interval '1 ms' < clock_timestamp() AS is_expired,
        o.renewed_at + 10 * o.lease_milliseconds * interval '1 ms' < clock_timestamp() AS is_long_expired,
        o.server_run IS DISTINCT FROM (SELECT id FROM refold.server_run) AS is_of_other_run
        """

    init(_ row: PostgresRow) throws {
        self.init(
            leaseID: try row.text("lease_id"),
            process: ProcessIdentity(
                host: try row.text("host"),
                boot: try row.text("boot"),
                pidNamespace: try row.text("pid_namespace"),
                pid: try row.int32("pid"),
                started: try row.int64("started")
            ),
            since: try row.optionalTimestamp("owner_since"),
            leaseTime: .milliseconds(try row.int64("lease_milliseconds")),
            isExpired: try row.bool("is_expired"),
            isLongExpired: try row.bool("is_long_expired"),
            isOfOtherRun: try row.bool("is_of_other_run")
        )
    }

    /// The owner, as an operator sees it.
    package var owner: Owner {
        Owner(host: process.host, pid: process.pid, since: since.map(Timestamp.init(microseconds:)))
    }

    /// Whether the owner is alive as far as can be told at once; whoever is to act on it uses ``Sightings``.
    var seemsAlive: Bool { !process.isKnownToBeDead && !(isOfOtherRun ? isLongExpired : isExpired) }
}
