internal import EventStore
package import Postgres
internal import Timing

/// The leases: the rows of `refold.owners`. Which generations a lease owns, the ``CheckpointStore`` has.
package struct LeaseStore: Sendable {
    private let connection: PostgresConnection

    /// The store on a session. Each of the calls is a transaction of its own.
    package init(_ connection: PostgresConnection) { self.connection = connection }

    /// Begins a lease, or renews it. A synchronous standby that is gone does not end it.
    package func renew(_ lease: Lease) async throws {
        // Without a name for the server run the lease could not be judged by the server's clock.
        _ = try await ServerRun.current(on: connection)
        try await commitLocally(
            PostgresStatement(
                Statements.renew,
                [
                    .uuid(lease.id), .text(lease.process.host), .text(lease.process.boot),
                    .text(lease.process.pidNamespace), .int64(lease.process.started), .int32(lease.process.pid),
                    .textArray(lease.tails), .int64(max(1, lease.time.milliseconds)),
                ]
            )
        )
    }

    /// Says what the sessions of a lease's process wait for: by projection, under "" for those that serve all. Does not wait
    /// for a lock itself.
    func setWaits(_ waits: [String: String], of lease: Lease) async throws {
        try await commitLocally(
            PostgresStatement(
                Statements.setWaits,
                [.uuid(lease.id), .textArray(waits.map(\.key)), .textArray(waits.map(\.value))]
            ),
            after: PostgresStatement("SET LOCAL lock_timeout = '500ms'")
        )
    }

    /// Ends a lease, and with it frees everything that it owns: an owner without a lease is none. Checkpoints that are
    /// not locked record that as well.
    package func end(_ lease: Lease) async throws {
        try await commitLocally(PostgresStatement(Statements.end, [.uuid(lease.id)]))
        try await commitLocally(PostgresStatement(Statements.releaseUnlocked, [.uuid(lease.id)]))
    }

    /// Forgets leases that ended long ago without being released.
    package func forgetEnded() async throws {
        try await connection.execute(Statements.forgetEnded)
    }

    /// The daemons that have leases, with what each can tail.
    func daemons() async throws -> [(ownership: Ownership, tails: Set<String>)] {
        try await connection.query(Statements.daemons).rows.map { row in
            (try Ownership(row), Set(try row.textArray("tails")))
        }
    }

    /// One statement whose commit waits for no standby.
    private func commitLocally(
        _ statement: PostgresStatement,
        after setting: PostgresStatement? = nil
    ) async throws {
        let begin = [PostgresStatement("BEGIN"), PostgresStatement("SET LOCAL synchronous_commit = local")]
        try await connection.pipelineTransaction(
            begin + [setting].compactMap(\.self) + [statement, PostgresStatement("COMMIT")]
        )
    }
}

extension LeaseStore {
    private enum Statements {
        static let renew = """
            INSERT INTO refold.owners AS o (id, host, boot, pid_namespace, started, pid, tails, lease_milliseconds, server_run)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, (SELECT id FROM refold.server_run))
            ON CONFLICT (id) DO UPDATE
               SET renewed_at = clock_timestamp(), server_run = excluded.server_run, tails = excluded.tails
            """

        static let setWaits = """
            UPDATE refold.owners
               SET waiting_for = (SELECT jsonb_object_agg(k, v) FROM unnest($2::text[], $3::text[]) AS waits (k, v))
             WHERE id = $1
            """

        static let end = "DELETE FROM refold.owners WHERE id = $1"

        /// A checkpoint that is locked is left as it is: ending waits for nobody.
        static let releaseUnlocked = """
            UPDATE refold.checkpoints SET owner = NULL, owner_since = NULL
             WHERE generation IN (SELECT generation FROM refold.checkpoints WHERE owner = $1 FOR UPDATE SKIP LOCKED)
            """

        static let forgetEnded = """
            DELETE FROM refold.owners o WHERE renewed_at + 10 * lease_milliseconds * interval '1 ms' < clock_timestamp()
               AND NOT EXISTS (SELECT FROM refold.checkpoints c WHERE c.owner = o.id)
            """

        static let daemons = """
            SELECT o.tails, \(Ownership.columns) FROM refold.owners o
              LEFT JOIN refold.checkpoints c ON false WHERE cardinality(o.tails) > 0
            """
    }
}
