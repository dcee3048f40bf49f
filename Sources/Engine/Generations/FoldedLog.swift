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

    /// Refuses a generation that was folded from another log, or from events that no longer exist.
    ///
    /// - Throws: `EventStoreError` with the code `otherLog` or `logShrank`.
    func requireSame(_ generation: Generation, on connection: PostgresConnection, _ logger: Logger? = nil) async throws
    {
        let checkpoint = try await CheckpointStore(connection).checkpoint(of: generation.number)
        let notes = try await LogIdentityStore.check(
            connection,
            store,
            log: generation.log ?? id,
            checkpoint: checkpoint?.position ?? .zero,
            anchor: checkpoint?.anchor
        )
        for note in notes {
            logger?.warning("\(note)", metadata: ["projection": "\(generation.projection)"])
        }
    }

    /// Refuses to fold again a log that has lost its beginning since a generation was folded from it.
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
                + "from position \(first) on: folding it again would lose the effects of the events that are gone",
            remedy: "restore them; or accept the loss with --accept-shortened-log (store.accept-shortened-log)"
        )
    }
}
