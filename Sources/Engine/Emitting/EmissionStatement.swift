internal import EventStore
internal import Postgres
internal import Refold

/// The statement by which a window hands over what it has emitted: the last one of its transaction, and with one of an
/// empty window the mark moves as well.
struct EmissionStatement: Sendable {
    private let sql: String
    private let log: String
    private let generation: Generation

    init(_ generation: Generation, of store: ValidatedStore) {
        self.generation = generation
        log = store.settings.log
        // The ids of the events emitted from are read from the store, by position: reading them with every event would
        // cost projections that emit nothing.
        sql = """
            SELECT refold.emit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
                (SELECT array_agg(s.event_id ORDER BY e.place)
                   FROM unnest($6) WITH ORDINALITY AS e (position, place)
                   LEFT JOIN \(store.settings.events) s ON s.global_position = e.position))
            """
    }

    func statement(of window: CommitWindow) -> PostgresStatement {
        let emissions = window.emissions
        return PostgresStatement(
            sql,
            [
                .text(log), .text(generation.projection.rawValue), .int64(generation.number.rawValue),
                .int64(window.from.rawValue), .int64(window.to.rawValue),
                .int64Array(emissions.map(\.position.rawValue)),
                .int64Array(emissions.map { Int64($0.ordinal) }),
                .textArray(emissions.map(\.type.name)),
                .int64Array(emissions.map { Int64($0.version) }),
                .textArray(emissions.map(\.stream)),
                .textArray(emissions.map(\.payload)),
                // Infinity stands for no time: an array of times has no NULL here.
                .timestampArray(emissions.map { $0.timestamp?.rawValue ?? .max }),
            ]
        )
    }
}
