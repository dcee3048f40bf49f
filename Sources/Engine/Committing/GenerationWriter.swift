package import EventStore
package import Postgres
package import Refold

/// Writes the windows of one generation and reads its rows back, over a session that owns the generation.
///
/// After an error its state is unknown: the caller drops the writer and the rows in memory and starts again from the
/// committed checkpoint.
package struct GenerationWriter: Sendable {
    package let connection: PostgresConnection
    package let generation: Generation
    package let tables: [GenerationTable]
    package let owned: OwnedGeneration
    /// The lease under which it was acquired.
    package let lease: Lease
    /// Where the events are: their ids are read for dead letters, and for the anchor of a checkpoint.
    package let store: ValidatedStore

    private let advanceSQL: String
    /// Nil for a projection that emits nothing.
    private let emission: EmissionStatement?

    package init(
        connection: PostgresConnection,
        generation: Generation,
        tables: [GenerationTable],
        owned: OwnedGeneration,
        lease: Lease,
        store: ValidatedStore,
        emits: Bool = false
    ) {
        self.connection = connection
        self.generation = generation
        self.tables = tables
        self.owned = owned
        self.lease = lease
        self.store = store
        emission = emits ? EmissionStatement(generation, of: store) : nil
        // The last event at or below the new checkpoint is stored with it, as the log's anchor.
        advanceSQL = """
            SELECT refold.advance($1, $2, $3, $4, $5, $6, a.position, a.event)
              FROM (SELECT) one LEFT JOIN LATERAL (\(store.lastAnchorSQL(atOrBelow: "$3"))) a ON true
            """
    }

    // MARK: Windows

    /// Commits a window.
    ///
    /// - Throws: ``EngineError/Code/fenced`` when another process has taken the generation or the pointer has moved.
    /// - Parameter attaches: the rows that are written as a whole are attached in the same transaction: for a
    ///   generation that readers are sent to already, so that what they see and what the checkpoint says change at
    ///   once.
    /// - Returns: how many rows were written and removed.
    @discardableResult
    package func commit(_ window: CommitWindow, attaches: Bool = false) async throws -> Int {
        switch window.rows {
        case .replacements:
            let statements = [PostgresStatement("BEGIN")] + statements(of: window) + [PostgresStatement("COMMIT")]
            return try await refusingFenced {
                replacedRows(of: window, in: try await connection.pipelineTransaction(statements).dropFirst())
            }
        case .versions, .borrowedVersions, .whole:
            return try await refusingFenced {
                let rows = try await connection.transaction { connection in
                    let rows = try await write(window, on: connection)
                    if attaches { try await ReadModelTables(connection).attachWithinTransaction(tables) }
                    return rows
                }
                if attaches { try await becomeReadable() }
                return rows
            }
        }
    }

    /// Writes a window as part of a transaction that the caller holds on the writer's connection.
    ///
    /// - Returns: how many rows were written and removed.
    @discardableResult
    func write(_ window: CommitWindow, on connection: isolated PostgresConnection) async throws -> Int {
        // The checkpoint goes first: a stale owner is refused before it has written anything.
        let results = try connection.pipeline(statements(of: window))
        var written = 0
        switch window.rows {
        case .replacements:
            written = replacedRows(of: window, in: results[...])
        case .versions(let copies):
            for (table, chunks) in zip(tables, copies) where !chunks.isEmpty {
                written += try connection.copyIn(table.copyVersionsInSQL, chunks)
            }
        case .borrowedVersions(let borrowed):
            for (table, rows) in zip(tables, borrowed) {
                written += try copy(rows, table.copyVersionsInSQL, on: connection)
            }
        case .whole(let borrowed):
            for (table, rows) in zip(tables, borrowed) {
                try connection.executeScript(table.createSQL)
                written += try copy(rows, table.copyInSQL, on: connection)
                try connection.executeScript(table.addKeySQL)
                if table.definition.isPublic { try connection.executeScript(table.analyzeSQL) }
                try connection.executeScript(table.dropVersionsSQL)
            }
            try await GenerationStore(connection).setPhase(.settled, of: generation.number)
        }
        return written
    }

    /// Encodes the next rows while the server stores the ones before.
    private func copy(
        _ rows: BorrowedRows,
        _ copyInSQL: String,
        on connection: isolated PostgresConnection
    ) throws -> Int {
        try connection.beginCopyIn(copyInSQL)
        try rows.forEachCopyPiece { try connection.writeCopy($0) }
        return try connection.endCopyIn()
    }

    /// The number of rows replaced or removed, from the results of `statements(of:)`.
    private func replacedRows(of window: CommitWindow, in results: ArraySlice<PostgresResult>) -> Int {
        guard case .replacements(let replacements) = window.rows else { return 0 }
        return results.dropFirst(window.isFirst ? 2 : 1).prefix(replacements.count).reduce(0) { $0 + $1.affectedRows }
    }

    private func statements(of window: CommitWindow) -> [PostgresStatement] {
        var statements = [
            PostgresStatement(
                advanceSQL,
                [
                    .int64(generation.number.rawValue), .int64(window.from.rawValue), .int64(window.to.rawValue),
                    .int64(owned.fencingValue.rawValue), .int64(Int64(window.events)),
                    window.rate.map { .double($0) } ?? .null,
                ]
            )
        ]
        if window.isFirst {
            statements.append(
                PostgresStatement(
                    "UPDATE refold.generations SET first_event = (\(store.firstEventSQL)) WHERE generation = $1 AND first_event IS NULL",
                    [.int64(generation.number.rawValue)]
                )
            )
        }
        if case .replacements(let replacements) = window.rows { statements += replacements }
        if !window.deadLetters.isEmpty { statements.append(insertion(of: window.deadLetters)) }
        if let emission { statements.append(emission.statement(of: window)) }
        return statements
    }

    /// One statement for all of them: a window may have very many.
    private func insertion(of letters: [DeadLetter]) -> PostgresStatement {
        let events = quoteIdentifier(store.settings.schema, store.settings.eventsTable)
        // The event's id is read from the store: the engine does not carry ids along. An adopted store may have no
        // column event_id, and the name is then that of the row beside it, a null; or ids that are not UUIDs.
        return PostgresStatement(
            """
            INSERT INTO refold.dead_letters (projection, generation, position, event_id, event_type, error)
            SELECT $1, $2, letter.position,
                CASE WHEN found.id ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' THEN found.id::uuid END,
                letter.type, letter.error
            FROM unnest($3, $4, $5) AS letter (position, type, error)
            CROSS JOIN LATERAL (
                SELECT (SELECT event_id::text FROM \(events) WHERE global_position = letter.position) AS id
                FROM (VALUES (NULL::text)) AS absent (event_id)
            ) AS found
            """,
            [
                .text(generation.projection.rawValue), .int64(generation.number.rawValue),
                .int64Array(letters.map(\.position.rawValue)), .textArray(letters.map(\.type)),
                .textArray(letters.map(\.error)),
            ]
        )
    }

    /// A refused compare-and-set is not an error of the database.
    private func refusingFenced(_ body: () async throws -> Int) async throws -> Int {
        do {
            return try await body()
        } catch let error as PostgresError where error.sqlState == .commitFenced {
            throw EngineError.fenced(generation)
        }
    }

    // MARK: Settling in the database

    /// Settles versions that do not fit in memory: newest versions into keyed tables, in one transaction.
    ///
    /// - Parameter attaches: as in ``commit(_:attaches:)``.
    package func settleVersions(attaches: Bool = false) async throws {
        try await connection.transaction { connection in
            for table in tables {
                try connection.executeScript(table.createSQL)
                if try await ReadModelTables(connection).exists(table.quotedVersions) {
                    try connection.execute(table.settleVersionsSQL)
                }
                try connection.executeScript(table.addKeySQL)
                if table.definition.isPublic { try connection.executeScript(table.analyzeSQL) }
                try connection.executeScript(table.dropVersionsSQL)
            }
            try await GenerationStore(connection).setPhase(.settled, of: generation.number)
            if attaches { try await ReadModelTables(connection).attachWithinTransaction(tables) }
        }
        if attaches { try await becomeReadable() }
    }

    /// Records that readers find the rows, once no statement under way can overlook them.
    private func becomeReadable() async throws {
        try await ReadModelTables(connection).outlastPlans(over: tables)
        try await GenerationStore(connection).setReadable(generation.number)
    }

    /// Creates the tables that versions are appended to, unless they exist.
    package func createVersions() async throws {
        try await connection.transaction { connection in
            for table in tables where try await !ReadModelTables(connection).exists(table.quotedVersions) {
                try connection.executeScript(table.createVersionsSQL)
            }
        }
    }

    // MARK: Reading rows back

    /// Whether versions were appended before, so that their tables are there.
    package func hasVersions() async throws -> Bool {
        try await ReadModelTables(connection).exists(tables[0].quotedVersions)
    }

    /// The newest version of each row of one table, in pieces, as long as the body wants more.
    package nonisolated(nonsending) func newestVersions(
        of table: GenerationTable,
        _ body: (PostgresResult) throws -> Bool
    ) async throws {
        // A cursor lives in a transaction. An error leaves it open: the session then ends, and the transaction with it.
        try await connection.executeScript("BEGIN")
        try await connection.execute("DECLARE newest NO SCROLL CURSOR FOR \(table.selectNewestSQL)")
        var isWanted = true
        while isWanted {
            let rows = try await connection.query("FETCH 10000 FROM newest")
            isWanted = try !rows.isEmpty && body(rows)
        }
        try await connection.executeScript("COMMIT")
    }

    /// Loads rows by key; those that do not exist are remembered as absent.
    package func load(_ keys: [[EncodedKey]]) async throws -> [PostgresResult?] {
        let statements = zip(tables, keys).map { table, keys in
            keys.isEmpty
                ? nil
                : PostgresStatement(table.loadSQL, RowEncoder(definition: table.definition).keys(keys))
        }
        var results = try await connection.pipeline(statements.compactMap { $0 }).makeIterator()
        return statements.map { $0 == nil ? nil : results.next() }
    }
}
