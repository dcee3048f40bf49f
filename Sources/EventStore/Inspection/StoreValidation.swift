internal import Refold

extension StoreCatalog {
    /// Decides whether the store can be read without ever skipping an event.
    ///
    /// - Throws: `EventStoreError` for the first reason against it, the server first, then the table, its columns and
    ///   the sequence.
    package func judge(_ settings: EventStoreSettings) throws(EventStoreError) -> ValidatedStore {
        let name = "\(settings.schema).\(settings.eventsTable)"
        try validateServer()
        let table = try validateTable(name)
        let formats = try validateColumns(name)
        let sequence = try validateSequence(name)
        if table.holdsPositionBelowOne {
            throw EventStoreError(
                .positionBelowOne,
                "\(name) holds events at positions below 1, which reading from the beginning would miss",
                remedy: "give those events positions of 1 and above"
            )
        }
        return ValidatedStore(
            settings: settings,
            sequence: PositionSequence(schema: sequence.schema, name: sequence.name, oid: sequence.oid),
            payloadFormat: formats.payload,
            metadataFormat: formats.metadata,
            hasStreamID: columns.contains { $0.name == "stream_id" },
            hasEventID: columns.contains { $0.name == "event_id" && $0.isReadable },
            timestampIsNaive: formats.timestampIsNaive,
            identity: LogIdentity(
                systemIdentifier: server.systemIdentifier,
                timeline: server.timeline,
                database: server.database,
                eventsTable: table.oid
            ),
            serverRun: server.run,
            serverVersion: server.version
        )
    }

    private func validateServer() throws(EventStoreError) {
        // First of all: on a standby the other questions have answers, but the locks are not there.
        guard !server.isInRecovery else {
            throw EventStoreError(
                .inRecovery,
                "the server is a standby, where the locks of running writers cannot be seen",
                remedy: "connect to the primary; with several hosts in the URL, add target_session_attrs=read-write"
            )
        }
        guard server.version >= 140000 else {
            throw EventStoreError(
                .unsupportedServer,
                "the server is PostgreSQL \(server.version / 10000), and 14 is the oldest one supported"
            )
        }
        // Its bytes are of no known encoding: the server passes them on as they are, or refuses them.
        guard server.encoding != "SQL_ASCII" else {
            throw EventStoreError(
                .unsupportedEncoding,
                "the database's encoding is \(server.encoding), which cannot be converted to UTF-8",
                remedy: "restore a dump of it into a database with ENCODING UTF8"
            )
        }
    }

    private func validateTable(_ name: String) throws(EventStoreError) -> Table {
        guard let table else { throw EventStoreError.noEventsTable(name) }
        guard ["r", "p"].contains(table.kind) else {
            let kinds = ["v": "a view", "m": "a materialised view", "f": "a foreign table", "S": "a sequence"]
            throw EventStoreError(
                .eventsTableMissing,
                "\(name) is \(kinds[table.kind] ?? "not a table"), but positions are drawn by a table's own default",
                remedy: "configure the table that events are inserted into"
            )
        }
        guard !table.hidesRows else {
            throw EventStoreError(
                .rowsHidden,
                "row-level security hides rows of \(name) from role \(server.role), so that events would be skipped",
                remedy: "use a role with BYPASSRLS, or the table's owner"
            )
        }
        if let subscription = table.subscription {
            throw EventStoreError(
                .replicationTarget,
                "\(name) is written by subscription \(subscription), so its positions are drawn on another server",
                remedy: "connect to the publishing server"
            )
        }
        guard table.hasPositionIndex else {
            throw EventStoreError(
                .positionNotIndexed,
                "no index of \(name) begins with global_position, so every read would scan the whole table",
                remedy: "create a unique index on (global_position)"
            )
        }
        return table
    }

    private func validateColumns(
        _ name: String
    ) throws(EventStoreError) -> (
        payload: ValidatedStore.PayloadFormat, metadata: ValidatedStore.PayloadFormat?, timestampIsNaive: Bool
    ) {
        let byName = Dictionary(columns.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let wanted: [(column: String, types: [String])] = [
            ("global_position", ["bigint", "integer"]),
            ("event_type", ["text", "character varying"]),
            ("event_data", ["json", "jsonb"]),
            ("timestamp", ["timestamp with time zone", "timestamp without time zone"]),
        ]
        for (column, types) in wanted {
            guard let found = byName[column] else {
                throw EventStoreError(.columnMissing, "\(name) has no column \(column)")
            }
            try judge(found, of: name, types: types)
        }
        if let metadata = byName["metadata"] {
            try judge(metadata, of: name, types: ["json", "jsonb"])
        }
        if let stream = byName["stream_id"] {
            try judge(stream, of: name, types: ["text", "character varying", "uuid"])
        }
        return (
            byName["event_data"].flatMap { ValidatedStore.PayloadFormat(rawValue: $0.type) } ?? .json,
            byName["metadata"].flatMap { ValidatedStore.PayloadFormat(rawValue: $0.type) },
            byName["timestamp"]?.type == "timestamp without time zone"
        )
    }

    /// Decides whether a table has what single streams need, in the types that they are compared and stored as.
    static func validateStreams(_ name: String, _ columns: [Column]) throws(EventStoreError) {
        let wanted: [(column: String, types: [String])] = [
            ("event_id", ["uuid"]), ("stream_id", ["text", "character varying"]),
            ("stream_version", ["integer", "bigint"]), ("event_type", ["text", "character varying"]),
            ("event_data", ["json", "jsonb"]), ("metadata", ["json", "jsonb"]),
            ("timestamp", ["timestamp with time zone", "timestamp without time zone"]),
        ]
        let remedy =
            "reading in order (rebuild, tail) is not concerned; for this, use a store as \(Program.name) migrate makes it"
        for (column, types) in wanted {
            guard let found = columns.first(where: { $0.name == column }) else {
                throw EventStoreError(
                    .columnMissing,
                    "\(name) has no column \(column), and single streams need it",
                    remedy: remedy
                )
            }
            guard types.contains(found.type) else {
                throw EventStoreError(
                    .columnType,
                    "column \(column) of \(name) is \(found.type), and single streams need \(types.joined(separator: " or "))",
                    remedy: remedy
                )
            }
        }
    }

    private func judge(_ column: Column, of name: String, types: [String]) throws(EventStoreError) {
        guard types.contains(column.type) else {
            throw EventStoreError(
                .columnType,
                "column \(column.name) of \(name) is \(column.type), where \(types.joined(separator: " or ")) can be read"
            )
        }
        guard column.isReadable else {
            throw EventStoreError(
                .eventsNotReadable,
                "role \(server.role) may not read column \(column.name) of \(name)",
                remedy: "GRANT SELECT on the table to it"
            )
        }
    }

    private func validateSequence(_ name: String) throws(EventStoreError) -> Sequence {
        let position = columns.first { $0.name == "global_position" }
        let sequence = try theSequence(name, position)
        let label = "\(sequence.schema).\(sequence.name)"
        guard sequence.cache == 1 else {
            throw EventStoreError(
                .sequenceCached,
                "sequence \(label) has CACHE \(sequence.cache): sessions keep numbers for later transactions, unseen",
                remedy: "ALTER SEQUENCE … CACHE 1, and let all writers reconnect"
            )
        }
        guard sequence.increment > 0 else {
            throw EventStoreError(
                .sequenceDescends,
                "sequence \(label) has INCREMENT \(sequence.increment), but positions must grow"
            )
        }
        guard !sequence.cycles else {
            throw EventStoreError(
                .sequenceCycles,
                "sequence \(label) has CYCLE: it would give positions that were passed long ago",
                remedy: "ALTER SEQUENCE … NO CYCLE"
            )
        }
        guard sequence.isReadable else {
            throw EventStoreError(
                .sequenceNotReadable,
                "role \(server.role) may not read sequence \(label)",
                remedy: "GRANT SELECT on the sequence to it"
            )
        }
        return sequence
    }

    private func theSequence(_ name: String, _ position: Column?) throws(EventStoreError) -> Sequence {
        let subject = "the position of \(name)"
        func refuse(_ found: String) -> EventStoreError {
            EventStoreError(
                .positionNotFromSequence,
                "\(subject) \(found), so it cannot be known which positions may still appear",
                remedy: "make its default nextval('sequence'::regclass) of one sequence, or make it an identity column"
            )
        }
        guard sequences.count <= 1 else {
            let names = sequences.map { "\($0.schema).\($0.name)" }.sorted()
            throw refuse("comes from \(names.count) sequences (\(names.joined(separator: ", ")))")
        }
        if let position, position.isGenerated { throw refuse("is a generated column") }
        if let position, !position.identity.isEmpty {
            guard let sequence = sequences.first else { throw refuse("is an identity column without a sequence") }
            return sequence
        }
        guard let expression = position?.defaultExpression else { throw refuse("has no default") }
        // A name that is looked up anew at each insert, nextval('name'::text), leaves no dependency behind; neither
        // does a function of the user's. Anything around nextval would make the sequence's value and the position
        // differ.
        guard let sequence = sequences.first, Self.isPlainNextval(expression) else {
            throw refuse("has the default \(expression)")
        }
        return sequence
    }

    /// Whether an expression, as `pg_get_expr` prints it, is `nextval('…'::regclass)` and nothing more.
    package static func isPlainNextval(_ expression: String) -> Bool {
        let (head, tail) = ("nextval('", "'::regclass)")
        guard expression.hasPrefix(head), expression.hasSuffix(tail) else { return false }
        // A quote inside the name is doubled; a single one would end it and begin something else.
        let name = expression.dropFirst(head.count).dropLast(tail.count)
        return !name.isEmpty
            && !name.split(separator: "''", omittingEmptySubsequences: false).contains { $0.contains("'") }
    }
}

extension EventStoreError {
    static func noEventsTable(_ name: String) -> EventStoreError {
        EventStoreError(
            .eventsTableMissing,
            "there is no table \(name)",
            remedy:
                "run `\(Program.name) migrate` to create it, or configure the schema and table of the existing store"
        )
    }
}
