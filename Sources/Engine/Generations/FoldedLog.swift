internal import EventStore
internal import Logging
internal import Postgres
internal import Refold

/// The log as it is now, for comparing it with what a generation was folded from.
struct FoldedLog: Sendable {
    let store: ValidatedStore
    let id: LogID
    /// The first position that holds an event; nil when there is none.
    let firstEvent: GlobalPosition?

    /// Refuses a generation that was folded from another log, or from events that are no more.
    ///
    /// - Throws: `EventStoreError` with the code `otherLog` or `logShrank`.
    func requireSame(_ generation: Generation, on connection: PostgresConnection, _ logger: Logger? = nil) async throws
    {
        let checkpoint = try await connection.anchoredCheckpoint(of: generation.number)
        let notes = try await LogIdentityStore.check(
            connection,
            store,
            log: generation.log ?? id,
            checkpoint: checkpoint.position,
            anchor: checkpoint.anchor
        )
        for note in notes {
            logger?.warning("\(note)", metadata: ["projection": "\(generation.projection)"])
        }
    }

    /// Refuses to fold a log anew that has lost its beginning since a generation was folded from it.
    ///
    /// - Throws: ``EngineError/Code/shortenedLog``.
    func requireWhole(_ generation: Generation) throws {
        guard generation.log ?? id == id, let first = generation.firstEvent else { return }
        if let firstEvent, firstEvent <= first { return }
        let found = firstEvent.map { "begins at position \($0)" } ?? "is empty"
        throw EngineError(
            .shortenedLog,
            projection: generation.projection,
            position: first,
            "the log \(found) now, and the live generation \(generation.number) of \(generation.projection) was folded "
                + "from position \(first) on: folding it anew would lose what the events gave that are gone",
            remedy: "restore them; or let it be lost with --accept-shortened-log (store.accept-shortened-log)"
        )
    }
}

extension PostgresConnection {
    /// A generation's checkpoint, and the last event at or below it.
    func anchoredCheckpoint(of generation: GenerationNumber) throws -> (position: GlobalPosition, anchor: LogAnchor?) {
        let row = try query(
            "SELECT position, anchor_position, anchor FROM refold.checkpoints WHERE generation = $1",
            [.int64(generation.rawValue)]
        ).rows.first
        guard let row else { return (.zero, nil) }
        let position = GlobalPosition(try row.int64("position"))
        guard let at = try row.optionalInt64("anchor_position"), let event = try row.optionalText("anchor") else {
            return (position, nil)
        }
        return (position, LogAnchor(position: GlobalPosition(at), event: event))
    }

    /// Where events appeared after a live generation had passed their positions; at most 1,000.
    func liveLateEvents(of log: String) throws -> [GlobalPosition] {
        try query(
            """
            SELECT DISTINCT e.position FROM refold.late_events e JOIN refold.logs l ON l.id = e.log_id
              JOIN refold.generations g ON g.created_at <= e.found_at AND coalesce(g.log_id, e.log_id) = e.log_id
              JOIN refold.projections p ON p.live = g.generation
             WHERE l.log = $1 ORDER BY 1 LIMIT 1000
            """,
            [.text(log)]
        ).rows.map { GlobalPosition(try $0.int64(0)) }
    }

    /// Whether a generation has passed positions at which events appeared later.
    func lacksLateEvents(_ generation: Generation) throws -> Bool {
        try query(
            """
            SELECT EXISTS (SELECT FROM refold.late_events e JOIN refold.generations g ON g.log_id = e.log_id
                             JOIN refold.checkpoints c USING (generation)
                            WHERE g.generation = $1 AND g.created_at <= e.found_at AND e.position <= c.position)
            """,
            [.int64(generation.number.rawValue)]
        ).bool(0, 0)
    }

    /// Forgets what is known of late events and of logs that are no more, as far as no generation is left that was folded
    /// without or from them. Part of the pointing transaction: until then the evidence stays.
    func forgetEvidence(of log: String) throws {
        try execute(
            """
            DELETE FROM refold.late_events e USING refold.logs l
             WHERE l.id = e.log_id AND l.log = $1
               AND NOT EXISTS (SELECT FROM refold.generations g
                                WHERE g.state <> 'retired' AND g.created_at <= e.found_at
                                  AND coalesce(g.log_id, e.log_id) = e.log_id)
            """,
            [.text(log)]
        )
        try execute(
            """
            DELETE FROM refold.logs l WHERE l.log = $1
               AND l.id < (SELECT max(n.id) FROM refold.logs n WHERE n.log = $1)
               AND NOT EXISTS (SELECT FROM refold.generations g WHERE g.state <> 'retired' AND g.log_id = l.id)
            """,
            [.text(log)]
        )
    }
}
