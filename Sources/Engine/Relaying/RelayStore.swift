internal import EventStore
package import Postgres
internal import Refold
internal import Timing

/// The checkpoints of relays and the owners that they name: the rows of `refold.relays`.
package struct RelayStore: Sendable {
    /// The result of an attempt to take over a relay's work.
    package enum Acquisition: Sendable {
        case acquired(RelayCheckpoint, FencingValue)
        /// A live process does it, or a session has the row locked, as the owner's has while it stores its checkpoint.
        case owned(Ownership?)
    }

    private let connection: PostgresConnection
    /// The version of the topics.
    private let version: String

    package init(_ connection: PostgresConnection, version: String) {
        self.connection = connection
        self.version = version
    }

    /// Makes a lease the owner unless a live process is. Changes nothing else: see ``begin(_:_:)``.
    package func acquire(for keeper: LeaseKeeper) async throws -> Acquisition {
        try await connection.execute(Statements.add, [.text(version)])
        do {
            return try await connection.transaction { connection in
                let row = try connection.query(Statements.lockNow, [.text(version)])
                let checkpoint = try RelayCheckpoint(row.rows[0])
                if let ownership = try await ownership(), ownership.leaseID != keeper.lease.id {
                    // Of a process of another server run nothing is known yet: it is asked again.
                    guard keeper.judge(ownership) == .isGone else { return .owned(ownership) }
                }
                let drawn = try connection.query(Statements.acquire, [.text(version), .uuid(keeper.lease.id)])
                return .acquired(checkpoint, FencingValue(try drawn.int64(0, 0)))
            }
        } catch let error as PostgresError where error.sqlState == .lockNotAvailable {
            return .owned(try await ownership())
        }
    }

    /// The process that is the owner, alive or not.
    private func ownership() async throws -> Ownership? {
        try await connection.query(Statements.ownership, [.text(version)]).rows.first.map { try Ownership($0) }
    }

    /// Stores what a relay begins with.
    ///
    /// - Throws: ``RelayReplaced`` when another process has taken over.
    package func begin(_ checkpoint: RelayCheckpoint, _ fencing: FencingValue) async throws {
        let result = try await connection.query(
            Statements.begin,
            [
                .text(version), .int64(fencing.rawValue), .int64(checkpoint.position.rawValue),
                .int64(checkpoint.epoch),
                .json(Self.text(of: checkpoint.partitions)), .optional(checkpoint.log?.rawValue),
                .optional(checkpoint.serverRun), .optional(checkpoint.timeline), .optional(checkpoint.fork?.rawValue),
            ]
        )
        guard !result.isEmpty else { throw RelayReplaced() }
    }

    /// Moves the checkpoint by compare-and-set.
    ///
    /// - Parameter old: what was stored last.
    /// - Throws: ``RelayReplaced``.
    package func advance(
        from old: RelayCheckpoint,
        to new: RelayCheckpoint,
        _ fencing: FencingValue
    ) async throws {
        let result = try await connection.query(
            Statements.advance,
            [
                .text(version), .int64(fencing.rawValue), .int64(old.position.rawValue), .int64(new.position.rawValue),
                .json(Self.text(of: new.partitions)), .optional(new.fork?.rawValue),
            ]
        )
        guard !result.isEmpty else { throw RelayReplaced() }
    }

    /// Notes why nothing is sent; nil for no reason any more.
    package func note(_ cause: String?, _ fencing: FencingValue) async throws {
        try await connection.execute(Statements.note, [.text(version), .int64(fencing.rawValue), .optional(cause)])
    }

    /// Every relay there was, with what status shows of it.
    package static func all(on connection: PostgresConnection) async throws -> [RelayStatus] {
        try await connection.query(Statements.all).rows.map { row in
            let isOwned = try row.optionalText("lease_id") != nil
            let ownership = isOwned ? try Ownership(row) : nil
            return RelayStatus(
                version: try row.text("version"),
                position: GlobalPosition(try row.int64("position")),
                epoch: try row.int64("epoch"),
                owner: ownership.flatMap { $0.seemsAlive ? $0.owner : nil },
                cause: try row.optionalText("waiting_for")
            )
        }
    }

    private static func text(of partitions: [String: [GlobalPosition]]) -> String {
        JSON.object(
            JSON.Object(
                partitions.sorted { $0.key < $1.key }.map { topic, positions in
                    JSON.Object.Member(topic, .array(positions.map { .integer($0.rawValue) }))
                }
            )
        ).text
    }
}

/// Another process has taken over a relay's work.
package struct RelayReplaced: Error, CustomStringConvertible {
    package var description: String { "another relay has taken over" }
}

extension RelayStore {
    private enum Statements {
        static let add = "INSERT INTO refold.relays (version) VALUES ($1) ON CONFLICT DO NOTHING"

        /// NOWAIT: an owner that is just storing its checkpoint is alive.
        static let lockNow = """
            SELECT position, epoch, partitions::text AS partitions, log_id, server_run, timeline, fork
              FROM refold.relays WHERE version = $1 FOR UPDATE NOWAIT
            """

        static let ownership = """
            SELECT \(Ownership.columns) FROM refold.relays c JOIN refold.owners o ON o.id = c.owner WHERE c.version = $1
            """

        static let acquire = """
            UPDATE refold.relays
               SET owner = $2, owner_since = clock_timestamp(), fencing_value = refold.new_fencing_value(),
                   waiting_for = NULL
             WHERE version = $1 RETURNING fencing_value
            """

        static let begin = """
            UPDATE refold.relays
               SET position = $3, epoch = $4, partitions = $5::jsonb, log_id = $6, server_run = $7, timeline = $8,
                   fork = $9, updated_at = clock_timestamp()
             WHERE version = $1 AND fencing_value = $2 RETURNING 1
            """

        static let advance = """
            UPDATE refold.relays
               SET position = $4, partitions = $5::jsonb, fork = $6, updated_at = clock_timestamp()
             WHERE version = $1 AND fencing_value = $2 AND position = $3 RETURNING 1
            """

        static let note = "UPDATE refold.relays SET waiting_for = $3 WHERE version = $1 AND fencing_value = $2"

        static let all = """
            SELECT c.version, c.position, c.epoch, c.waiting_for, \(Ownership.columns)
              FROM refold.relays c LEFT JOIN refold.owners o ON o.id = c.owner WHERE c.epoch > 0 ORDER BY c.version
            """
    }
}

extension RelayCheckpoint {
    fileprivate init(_ row: PostgresRow) throws {
        let members = try JSON(parsing: try row.text("partitions")).asObject?.members ?? []
        let partitions = members.map { member in
            (member.name, (member.value.asArray ?? []).map { GlobalPosition($0.asInteger ?? 0) })
        }
        self.init(
            position: GlobalPosition(try row.int64("position")),
            epoch: try row.int64("epoch"),
            partitions: Dictionary(uniqueKeysWithValues: partitions),
            log: try row.optionalInt64("log_id").map { LogID(rawValue: $0) },
            serverRun: try row.optionalText("server_run"),
            timeline: try row.optionalInt64("timeline"),
            fork: try row.optionalInt64("fork").map { GlobalPosition($0) }
        )
    }
}
