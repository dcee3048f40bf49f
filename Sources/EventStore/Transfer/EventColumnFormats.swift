internal import Postgres
internal import Refold

/// The types of the columns that differ between stores, as a binary COPY into the events table needs them.
struct EventColumnFormats: Sendable {
    private let payloadIsBinary: Bool
    private let metadataIsBinary: Bool
    private let versionIsWide: Bool

    init(_ settings: EventStoreSettings, on connection: isolated PostgresConnection) throws(PostgresError) {
        let rows = try connection.query(
            """
            SELECT attname::text, format_type(atttypid, NULL) FROM pg_attribute
            WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped
            """,
            [.text(settings.events)]
        )
        var types: [String: String] = [:]
        for row in rows.rows { types[try row.text(0)] = try row.text(1) }
        payloadIsBinary = types["event_data"] == "jsonb"
        metadataIsBinary = types["metadata"] == "jsonb"
        versionIsWide = types["stream_version"] == "bigint"
    }

    /// Appends the row of a line: id, stream, version, type, payload, metadata, time.
    ///
    /// - Parameter now: the time of an event that has none.
    func append(
        _ line: ImportLine,
        version: Int64,
        _ now: Timestamp,
        _ bytes: UnsafeRawBufferPointer,
        to rows: inout BinaryCopy
    ) {
        rows.beginRow(fields: 7)
        rows.append((line.id ?? EventID()).bytes)
        line.stream.withBytes { rows.append(bytes: $0) }
        if versionIsWide { rows.append(version) } else { rows.append(Int32(clamping: version)) }
        rows.append(line.type)
        append(UnsafeRawBufferPointer(rebasing: bytes[line.data]), isBinary: payloadIsBinary, to: &rows)
        if let metadata = line.metadata, line.insertion == nil {
            append(UnsafeRawBufferPointer(rebasing: bytes[metadata]), isBinary: metadataIsBinary, to: &rows)
        } else if let metadata = line.storedMetadata(bytes) {
            metadata.withUnsafeBytes { append($0, isBinary: metadataIsBinary, to: &rows) }
        } else {
            rows.appendNull()
        }
        rows.append(timestamp: (line.timestamp ?? now).rawValue)
    }

    private func append(_ json: UnsafeRawBufferPointer, isBinary: Bool, to rows: inout BinaryCopy) {
        if isBinary { rows.append(jsonb: json) } else { rows.append(bytes: json) }
    }
}
