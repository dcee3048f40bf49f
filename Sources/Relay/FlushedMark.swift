internal import Engine
internal import EventStore
internal import Logging
internal import Postgres
internal import Refold

/// The position up to which events can be read and no crash of the server takes them back.
///
/// An event is visible before it is flushed where its writer commits with `synchronous_commit = off`, and a recovered
/// server may give its position to another event. So the mark is read first, then the end of the write-ahead log, and
/// the mark counts when everything up to there is flushed: the commits that the mark rests on were visible, so they lie
/// before that end.
struct FlushedMark: Sendable {
    private let watcher: MarkWatcher
    private let connection: PostgresConnection

    /// Opens sessions of its own; the log has to be the one that was read before.
    ///
    /// - Returns: the mark's watcher, the log, and its newest position.
    static func open(_ engine: Engine) async throws -> (FlushedMark, ValidatedStore, KnownLog, newest: GlobalPosition) {
        let connection = try await engine.connect(for: "relay mark")
        let store = try await StoreInspection.inspect(connection, engine.settings.store)
        let log = try await LogIdentityStore.open(connection, store)
        for note in log.notes { engine.logger.warning("\(note)") }
        let newest = try await store.newestPosition(on: connection)
        let watcher = engine.makeMarkWatcher(on: connection, store, from: log.mark)
        return (FlushedMark(watcher: watcher, connection: connection), store, log, newest)
    }

    /// Makes sure that the mark will reach every event; asked once the log is known to be the one that was sent.
    func requireSequenceAhead() async throws {
        try await StoreInspection.requireSequenceAhead(connection, watcher.probe.store)
    }

    /// Looks once, at the pace of the store's readers.
    ///
    /// - Parameter position: when the mark is not above it, nothing needs to be flushed.
    /// - Returns: the mark, which may be below the position.
    func look(above position: GlobalPosition) async throws -> GlobalPosition {
        try await watcher.pause()
        let mark = try await watcher.look().mark
        guard mark > position else { return mark }
        let end = try await connection.query("SELECT pg_current_wal_insert_lsn()::text").text(0, 0)
        while try await !isFlushed(end) {
            // A commit that is waited for flushes everything before it. The log's writer would do it too, but not when
            // the last page is followed by nothing.
            try await connection.pipelineTransaction([
                PostgresStatement("BEGIN"), PostgresStatement("SET LOCAL synchronous_commit = local"),
                PostgresStatement("SELECT pg_logical_emit_message(true, 'refold', '')"), PostgresStatement("COMMIT"),
            ])
        }
        return mark
    }

    private func isFlushed(_ end: String) async throws -> Bool {
        try await connection.query("SELECT pg_current_wal_flush_lsn() >= $1::text::pg_lsn", [.text(end)]).bool(0, 0)
    }

    func close() async { await connection.close() }
}
