package import Postgres
internal import Refold

/// Late events, which appeared in the log after generations had passed their positions: `refold.late_events` beside
/// `refold.generations`. Such evidence stays until no generation is left that it concerns.
package struct LateEventStore: Sendable {
    private let connection: PostgresConnection

    /// The store on a session, in a transaction of the caller's or outside of one.
    package init(_ connection: PostgresConnection) { self.connection = connection }

    /// Where events appeared after a live generation had passed their positions; at most 1,000.
    func positionsMissedByLive(in log: String) async throws -> [GlobalPosition] {
        try await connection.query(Statements.missedByLive, [.text(log)]).rows.map { GlobalPosition(try $0.int64(0)) }
    }

    /// Whether a generation has passed positions at which events appeared later.
    func isMissed(by generation: GenerationNumber) async throws -> Bool {
        try await connection.query(Statements.isMissedBy, [.int64(generation.rawValue)]).bool(0, 0)
    }

    /// Forgets late events and former logs once no generation is left that was folded without or from them. Part of the
    /// pointing transaction: until then the evidence stays.
    func forgetEvidence(of log: String) async throws {
        try await connection.execute(Statements.forgetEvents, [.text(log)])
        try await connection.execute(Statements.forgetLogs, [.text(log)])
    }
}

extension LateEventStore {
    private enum Statements {
        static let missedByLive = """
            SELECT DISTINCT e.position FROM refold.late_events e JOIN refold.logs l ON l.id = e.log_id
              JOIN refold.generations g ON g.created_at <= e.found_at AND coalesce(g.log_id, e.log_id) = e.log_id
              JOIN refold.projections p ON p.live = g.generation
             WHERE l.log = $1 ORDER BY 1 LIMIT 1000
            """

        static let isMissedBy = """
            SELECT EXISTS (SELECT FROM refold.late_events e JOIN refold.generations g ON g.log_id = e.log_id
                             JOIN refold.checkpoints c USING (generation)
                            WHERE g.generation = $1 AND g.created_at <= e.found_at AND e.position <= c.position)
            """

        static let forgetEvents = """
            DELETE FROM refold.late_events e USING refold.logs l
             WHERE l.id = e.log_id AND l.log = $1
               AND NOT EXISTS (SELECT FROM refold.generations g
                                WHERE g.state <> 'retired' AND g.created_at <= e.found_at
                                  AND coalesce(g.log_id, e.log_id) = e.log_id)
            """

        static let forgetLogs = """
            DELETE FROM refold.logs l WHERE l.log = $1
               AND l.id < (SELECT max(n.id) FROM refold.logs n WHERE n.log = $1)
               AND NOT EXISTS (SELECT FROM refold.generations g WHERE g.state <> 'retired' AND g.log_id = l.id)
            """
    }
}
