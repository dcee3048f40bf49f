internal import EventStore
package import Postgres
package import Refold

/// The marks up to which projections have emitted: the rows of `refold.emitters`. Commits move them by themselves, in the
/// same transaction as their rows: see `refold.emit` in `Schema/refold.sql`.
package struct EmitterStore: Sendable {
    private let connection: PostgresConnection

    /// The store on a session, in a transaction of the caller's or outside of one.
    package init(_ connection: PostgresConnection) { self.connection = connection }

    /// A projection's mark; nil before it was pointed at.
    ///
    /// - Throws: ``EngineError/Code/notMigrated`` in a database that an older version has made.
    package func emitter(of name: ProjectionName) async throws -> Emitter? {
        do {
            return try await connection.query(Statements.emitter, [.text(name.rawValue)]).rows.first
                .map { try Emitter($0) }
        } catch let error as PostgresError where error.sqlState == .undefinedTable {
            throw EngineError.notMigrated(name)
        }
    }

    /// Makes a projection emit from a position on; one that has a mark keeps it.
    func begin(_ name: ProjectionName, from start: GlobalPosition, in log: LogID?) async throws {
        try await connection.execute(
            Statements.begin,
            [.text(name.rawValue), .int64(start.rawValue), .optional(log?.rawValue)]
        )
    }

    /// A generation is pointed at, in a transaction that has done so: what it holds and has not been emitted becomes
    /// ready.
    ///
    /// - Parameter start: where a projection without a mark begins to emit: after this position.
    func enter(
        _ projection: any Projection,
        _ generation: GenerationNumber,
        beginningAfter start: GlobalPosition
    ) async throws {
        guard projection.emits else { return }
        try await connection.execute(
            Statements.enter,
            [.text(projection.name.rawValue), .int64(generation.rawValue), .int64(start.rawValue)]
        )
    }

    /// The same for a projection that begins to emit after the newest position drawn by now, if it has no mark.
    func enter(_ projection: any Projection, _ generation: GenerationNumber, now store: ValidatedStore) async throws {
        guard projection.emits else { return }
        try await enter(projection, generation, beginningAfter: try await store.newestPosition(on: connection))
    }

    /// Whether a generation was folded in part without keeping what it would have to emit when it is pointed at.
    func lacksEmissions(_ generation: GenerationNumber) async throws -> Bool {
        try await connection.query(Statements.lacksEmissions, [.int64(generation.rawValue)]).bool(0, 0)
    }
}

extension EmitterStore {
    private enum Statements {
        static let emitter = "SELECT emits_from, emitted_through, log_id FROM refold.emitters WHERE projection = $1"

        static let begin = """
            INSERT INTO refold.emitters (projection, emits_from, emitted_through, log_id) VALUES ($1, $2, $2 - 1, $3)
            ON CONFLICT DO NOTHING
            """

        static let enter = "SELECT refold.enter_emitter($1, $2, $3)"

        static let lacksEmissions = """
            SELECT EXISTS (SELECT FROM refold.generations g JOIN refold.checkpoints c USING (generation)
                             JOIN refold.emitters e ON e.projection = g.projection
                            WHERE g.generation = $1 AND coalesce(e.log_id = g.log_id, true)
                              AND coalesce(c.emissions_after, c.position) > e.emitted_through)
            """
    }
}

extension Emitter {
    fileprivate init(_ row: PostgresRow) throws {
        self.init(
            start: GlobalPosition(try row.int64("emits_from")),
            emittedThrough: GlobalPosition(try row.int64("emitted_through")),
            log: try row.optionalInt64("log_id").map { LogID(rawValue: $0) }
        )
    }
}
