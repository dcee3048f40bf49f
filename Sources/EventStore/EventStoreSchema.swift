public import Postgres

/// The tables of the event store itself, and what refold records about the log.
public enum EventStoreSchema {
    /// Creates what is missing; run again, or twice at once, it changes nothing more.
    ///
    /// An existing events table is never altered, whatever it looks like: `StoreInspection` judges it. One transaction.
    public static func migrate(
        on connection: PostgresConnection,
        _ settings: EventStoreSettings = EventStoreSettings()
    ) async throws(EventStoreError) {
        do {
            try await connection.transaction { connection in try migrate(within: connection, settings) }
        } catch let error as EventStoreError {
            throw error
        } catch let error as PostgresError {
            throw .database("creating the event store's tables", error)
        } catch {
            throw EventStoreError(.database, "creating the event store's tables failed: \(error)", cause: error)
        }
    }

    /// The same within an open transaction.
    package static func migrate(
        within connection: isolated PostgresConnection,
        _ settings: EventStoreSettings
    ) throws(EventStoreError) {
        try settings.validate()
        do {
            // Held to the end of the transaction. IF NOT EXISTS alone is no protection: two sessions may both find
            // nothing, and the second one then fails on the unique index of the catalogue.
            _ = try connection.query("SELECT pg_advisory_xact_lock($1)", [.int64(lockKey)])
            try create(schema: settings.schema, connection)
            if try !exists(settings.eventsTable, settings, connection) {
                try connection.executeScript(script(PackageResources.events_sql, settings))
            }
            if try !exists(settings.streamsTable, settings, connection) {
                try connection.executeScript(script(PackageResources.streams_sql, settings))
            }
            try create(schema: "refold", connection)
            try connection.executeScript(script(PackageResources.sweep_sql, settings))
            try connection.executeScript(script(PackageResources.snapshots_sql, settings))
            try connection.executeScript(script(PackageResources.imports_sql, settings))
        } catch {
            throw .database("creating the event store's tables", error)
        }
    }

    /// "refold" in ASCII: every process that creates refold's tables takes this lock.
    package static let lockKey: Int64 = 0x7265_666F_6C64

    /// CREATE SCHEMA IF NOT EXISTS requires the right to create one even when there is nothing to create.
    private static func create(schema: String, _ connection: isolated PostgresConnection) throws(PostgresError) {
        let found = try connection.query("SELECT FROM pg_namespace WHERE nspname = $1", [.text(schema)])
        guard found.isEmpty else { return }
        try connection.execute("CREATE SCHEMA \(quoteIdentifier(schema))")
    }

    private static func exists(
        _ table: String,
        _ settings: EventStoreSettings,
        _ connection: isolated PostgresConnection
    ) throws(PostgresError) -> Bool {
        let found = try connection.query(
            "SELECT FROM pg_class WHERE relname = $1 AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $2)",
            [.text(table), .text(settings.schema)]
        )
        return !found.isEmpty
    }

    /// A script with its psql variables replaced. Names that contain a variable's text stay as they are: all are
    /// replaced in one pass.
    package static func script(_ bytes: [UInt8], _ settings: EventStoreSettings) -> String {
        let names = [
            "schema": settings.schema, "events": settings.eventsTable, "streams": settings.streamsTable,
        ]
        var text = ""
        var rest = Substring(String(decoding: bytes, as: UTF8.self))
        while let start = rest.firstRange(of: ":\"") {
            text += rest[..<start.lowerBound]
            rest = rest[start.upperBound...]
            guard let quote = rest.firstIndex(of: "\""), let name = names[String(rest[..<quote])] else {
                text += ":\""
                continue
            }
            text += quoteIdentifier(name)
            rest = rest[rest.index(after: quote)...]
        }
        return text + rest
    }
}
