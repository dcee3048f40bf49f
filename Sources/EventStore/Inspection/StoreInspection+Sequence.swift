package import Postgres
internal import Refold

extension StoreInspection {
    /// Makes sure that no event is above the last value of the sequence: rows were inserted with positions of their own,
    /// as from a dump, and the sequence does not know. Nobody would read them, and the next appends take their positions.
    ///
    /// To be asked once the log is known to be the one that was read: a sequence that was set back below what was read
    /// is told as that.
    ///
    /// - Throws: `positionAboveSequence`, with the statement that helps; `database`.
    package static func requireSequenceAhead(
        _ connection: isolated PostgresConnection,
        _ store: ValidatedStore
    ) throws(EventStoreError) {
        let (newest, last): (GlobalPosition, GlobalPosition)
        do {
            // Separate statements, in this order: a position that is seen was drawn before. The other way round an
            // append could draw one and commit in between.
            let results = try connection.pipeline([
                PostgresStatement(
                    "SELECT coalesce(max(e.global_position), 0)::bigint FROM \(store.settings.events) e"
                ),
                PostgresStatement(store.sequence.lastValueSQL),
            ])
            newest = GlobalPosition(try results[0].int64(0, 0))
            last = GlobalPosition(try results[1].int64(0, 0))
        } catch {
            throw .database("comparing the newest event with the sequence of positions", error)
        }
        guard newest > last else { return }
        throw .positionAboveSequence(newest, last, of: store)
    }
}

extension EventStoreError {
    fileprivate static func positionAboveSequence(
        _ newest: GlobalPosition,
        _ last: GlobalPosition,
        of store: ValidatedStore
    ) -> EventStoreError {
        let sequence = quoteIdentifier(store.sequence.schema, store.sequence.name)
        return EventStoreError(
            .positionAboveSequence,
            "there is an event at position \(newest), but the sequence \(sequence) has given positions up to \(last) only, "
                + "so that later events are not seen",
            remedy: "if events were copied with their positions, SELECT setval(\(quoteLiteral(sequence)), \(newest))",
            position: newest
        )
    }
}
