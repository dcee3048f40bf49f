internal import Postgres
internal import Refold

/// Stores the batches of one input, each in one transaction.
struct ImportWriter {
    private let settings: EventStoreSettings
    private let firstLine: Int64
    private let columns: EventColumnFormats
    /// How far the input was imported, as the database has it.
    private(set) var known: ImportPlace?

    /// A line that cannot be stored as if the whole batch were new: the first time a reason to examine the batch more
    /// closely, then a bad line.
    private struct Refused: Error {
        let line: BadLine
    }

    init(
        firstLine: UInt64,
        _ settings: EventStoreSettings,
        on connection: isolated PostgresConnection
    ) throws(EventStoreError) {
        self.settings = settings
        self.firstLine = Int64(bitPattern: firstLine)
        do {
            columns = try EventColumnFormats(settings, on: connection)
            let row = try connection.query(
                "SELECT bytes, lines, digest FROM refold.imports WHERE log = $1 AND first_line = $2",
                [.text(settings.log), .int64(self.firstLine)]
            ).rows.first
            if let row {
                known = ImportPlace(
                    bytes: try row.int64(0),
                    lines: try row.int64(1),
                    digest: UInt64(bitPattern: try row.int64(2))
                )
            }
        } catch {
            throw .database("looking up how far the input was imported", error)
        }
    }

    /// Stores a batch, or nothing of it.
    ///
    /// - Returns: how many events were stored; the others were there.
    mutating func write(_ batch: ImportBatch, on connection: PostgresConnection) async throws(EventStoreError) -> Int {
        let writer = self
        do {
            let stored: Int
            do {
                // First as if all were new, which is quicker than looking for each event.
                stored = try await connection.transaction { connection in
                    try writer.store(batch, batch.lines, connection)
                }
            } catch is Refused {
                stored = try await connection.transaction { connection in
                    try writer.store(batch, try writer.missing(batch, connection), connection)
                }
            }
            known = batch.end
            return stored
        } catch let error as EventStoreError {
            throw error
        } catch let error as Refused {
            throw .invalidLines([error.line])
        } catch let error as PostgresError {
            throw .database("storing lines \((known?.lines ?? 0) + 1) to \(batch.end.lines)", error)
        } catch {
            throw EventStoreError(.database, "importing failed: \(error)", cause: error)
        }
    }

    // MARK: In a transaction

    private func store(
        _ batch: ImportBatch,
        _ lines: [ImportLine],
        _ connection: isolated PostgresConnection
    ) throws -> Int {
        if !lines.isEmpty {
            // Before the first position is drawn: while streams are waited for, the high-water mark is not held back.
            var versions = try reserve(lines, connection)
            try copy(batch, lines, &versions, connection)
        }
        try note(batch.end, connection)
        return lines.count
    }

    /// Locks the streams, in the order of their names so that two imports do not deadlock, and moves them to their
    /// versions after the batch.
    ///
    /// - Returns: the versions before it.
    private func reserve(
        _ lines: [ImportLine],
        _ connection: isolated PostgresConnection
    ) throws -> [Text: Int64] {
        var counts: [Text: Int64] = [:]
        for line in lines { counts[line.stream, default: 0] += 1 }
        let streams = counts.keys.sorted()
        let rows = try connection.query(
            """
            INSERT INTO \(settings.streams) AS s (stream_id, version, last_updated)
            SELECT added.stream, added.events, now()
            FROM unnest($1, $2) WITH ORDINALITY AS added (stream, events, place) ORDER BY added.place
            ON CONFLICT (stream_id)
            DO UPDATE SET version = s.version + excluded.version, last_updated = excluded.last_updated
            RETURNING stream_id, version::bigint
            """,
            [.textArray(streams.map { String($0) }), .int64Array(streams.map { counts[$0] ?? 0 })]
        )
        var versions: [Text: Int64] = [:]
        versions.reserveCapacity(rows.count)
        for row in 0..<rows.count {
            let stream = Text(try rows.text(row, 0))
            versions[stream] = try rows.int64(row, 1) - (counts[stream] ?? 0)
        }
        return versions
    }

    private func copy(
        _ batch: ImportBatch,
        _ lines: [ImportLine],
        _ versions: inout [Text: Int64],
        _ connection: isolated PostgresConnection
    ) throws {
        let now = Timestamp.now()
        try connection.beginCopyIn(
            """
            COPY \(settings.events) (event_id, stream_id, stream_version, event_type, event_data, metadata, "timestamp")
            FROM STDIN (FORMAT binary)
            """
        )
        var rows = BinaryCopy(reservingCapacity: 512 * 1_024)
        for line in lines {
            let version = (versions[line.stream] ?? 0) + 1
            versions[line.stream] = version
            if let wanted = line.version, wanted != version {
                let reason =
                    "version \(wanted) of stream \(String(line.stream).abbreviated()) cannot follow version \(version - 1)"
                throw Refused(line: BadLine(number: line.number, reason: reason))
            }
            batch.bytes.withUnsafeBytes { columns.append(line, version: version, now, $0, to: &rows) }
            if rows.count >= 256 * 1_024 { try connection.writeCopy(rows.take()) }
        }
        try connection.writeCopy(rows.finish())
        do throws(PostgresError) {
            _ = try connection.endCopyIn()
        } catch {
            guard error.isDataError, let row = error.copyRow, lines.indices.contains(row - 1) else { throw error }
            let reason = error.sqlState == .uniqueViolation ? "its id or version is taken" : "it is refused: \(error)"
            throw Refused(line: BadLine(number: lines[row - 1].number, reason: reason))
        }
    }

    /// Notes how far the input is imported, if it still stands where this import left it.
    private func note(_ place: ImportPlace, _ connection: isolated PostgresConnection) throws {
        let values: [PostgresValue] = [
            .text(settings.log), .int64(firstLine), .int64(place.bytes), .int64(place.lines),
            .int64(Int64(bitPattern: place.digest)),
        ]
        let noted: Int
        if let known {
            noted = try connection.execute(
                """
                UPDATE refold.imports SET bytes = $3, lines = $4, digest = $5, updated_at = now()
                WHERE log = $1 AND first_line = $2 AND bytes = $6 AND digest = $7
                """,
                values + [.int64(known.bytes), .int64(Int64(bitPattern: known.digest))]
            )
        } else {
            noted = try connection.execute(
                """
                INSERT INTO refold.imports (log, first_line, bytes, lines, digest) VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (log, first_line) DO NOTHING
                """,
                values
            )
        }
        guard noted == 1 else {
            throw EventStoreError(
                .importUnderWay,
                "the same input is being imported by somebody else",
                remedy: "let that one end"
            )
        }
    }

    /// The lines that are not in the store yet.
    ///
    /// - Throws: `Refused` for a line whose id is taken in another place.
    private func missing(_ batch: ImportBatch, _ connection: isolated PostgresConnection) throws -> [ImportLine] {
        try catchUpStreams(of: batch, connection)
        let ids = batch.lines.compactMap(\.id)
        let rows = try connection.query(
            """
            SELECT event_id::text, stream_id, stream_version::bigint FROM \(settings.events) WHERE event_id = ANY ($1)
            """,
            [.uuidArray(ids.map(\.bytes))]
        )
        var places: [EventID: (stream: Text, version: Int64)] = [:]
        for row in rows.rows {
            guard let id = EventID(try row.text(0)) else { continue }
            places[id] = (Text(try row.text(1)), try row.int64(2))
        }
        var missing: [ImportLine] = []
        for line in batch.lines {
            guard let id = line.id, let place = places[id] else {
                missing.append(line)
                continue
            }
            guard place.stream == line.stream, line.version ?? place.version == place.version else {
                let reason =
                    "its id is taken by version \(place.version) of stream \(String(place.stream).abbreviated())"
                throw Refused(line: BadLine(number: line.number, reason: reason))
            }
        }
        return missing
    }

    /// Lets the rows of the batch's streams catch up with events that were written without them. They are locked in the
    /// order of their bytes, as `reserve` does, whatever the database's collation is.
    private func catchUpStreams(of batch: ImportBatch, _ connection: isolated PostgresConnection) throws {
        try connection.execute(
            """
            INSERT INTO \(settings.streams) AS s (stream_id, version, last_updated)
            SELECT e.stream_id, max(e.stream_version), now() FROM \(settings.events) e
            WHERE e.stream_id = ANY ($1) GROUP BY e.stream_id ORDER BY e.stream_id COLLATE "C"
            ON CONFLICT (stream_id) DO UPDATE SET version = excluded.version, last_updated = excluded.last_updated
            WHERE s.version < excluded.version
            """,
            [.textArray(Set(batch.lines.map(\.stream)).map { String($0) })]
        )
    }
}
