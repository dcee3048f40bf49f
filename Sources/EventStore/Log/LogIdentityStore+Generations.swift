package import Postgres
package import Refold

extension LogIdentityStore {
    /// Checks whether a generation that was folded from a log may be folded further, or pointed at: the log still has
    /// what it read.
    ///
    /// - Parameters:
    ///   - log: the log it was folded from.
    ///   - checkpoint: the last position whose effects it has.
    ///   - anchor: the last event at or below the checkpoint, as it was when the checkpoint was written; nil when there
    ///     was none, or when it was not recorded.
    /// - Returns: what an operator should know, such as events that are gone.
    /// - Throws: `logShrank`, `otherLog`; `database`.
    package static func check(
        _ connection: isolated PostgresConnection,
        _ store: ValidatedStore,
        log: LogID,
        checkpoint: GlobalPosition,
        anchor: LogAnchor?
    ) throws(EventStoreError) -> [String] {
        guard try load(connection, store.settings)?.id == log else {
            throw EventStoreError(
                .otherLog,
                "it was folded from a log that no longer exists",
                remedy: "\(Program.name) rebuild --fresh makes one of the present log"
            )
        }
        guard checkpoint > .zero else { return [] }
        let newest = try newest(connection, store)
        guard checkpoint <= newest else { throw .logShrank(lastValue: newest, passed: checkpoint) }
        let verdict: AnchorVerdict
        do {
            verdict = try connection.verdict(of: store, log: log, through: checkpoint, own: anchor)
        } catch {
            throw .database("looking for the events by which the log is known", error)
        }
        return try connection.notes(on: verdict, store)
    }
}
