/// Where the event store's tables are found.
///
/// Only names can be configured; the columns are those of `Schema/events.sql`, in any order and among any others.
public struct EventStoreSettings: Sendable, Hashable {
    /// The schema of both tables. Default `public`.
    public var schema: String
    /// The table that holds one row per event. Default `events`.
    public var eventsTable: String
    /// The table that holds one row per stream, which only appending needs. Default `streams`.
    public var streamsTable: String

    /// - Parameters are names as they stand in the catalogue: neither quoted nor folded to lower case.
    public init(schema: String = "public", eventsTable: String = "events", streamsTable: String = "streams") {
        self.schema = schema
        self.eventsTable = eventsTable
        self.streamsTable = streamsTable
    }

    /// Refuses names that PostgreSQL could not have: empty ones, those of more than 63 bytes (which the server would
    /// cut silently, so that they would name another table), and those with a NUL.
    public func validate() throws(EventStoreError) {
        for (key, name) in [("schema", schema), ("events table", eventsTable), ("streams table", streamsTable)] {
            guard !name.isEmpty, name.utf8.count <= 63, !name.utf8.contains(0) else {
                throw EventStoreError(
                    .invalidSettings,
                    "the \(key) name \"\(name)\" is not usable: a name has 1 to 63 bytes and no NUL"
                )
            }
        }
        // Bytes: for PostgreSQL, names that are only canonically equivalent are two.
        guard !eventsTable.utf8.elementsEqual(streamsTable.utf8) else {
            throw EventStoreError(
                .invalidSettings,
                "the events table and the streams table are both \"\(eventsTable)\""
            )
        }
    }
}
