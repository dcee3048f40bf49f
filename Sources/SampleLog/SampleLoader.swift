public import EventStore
public import Postgres
public import Refold

/// Appends a sample log to a store by COPY, in one transaction: all of it, or nothing.
public struct SampleLoader: Sendable {
    /// What a load appended.
    public struct Summary: Sendable {
        /// How many events.
        public let events: Int
        /// The newest global position before; the log's events lie above it.
        public let after: GlobalPosition
        /// The newest global position now.
        public let last: GlobalPosition
    }

    private static let pieceSize = 256 * 1_024
    private let store: EventStoreSettings

    /// - Parameter store: the tables to append to; they must exist.
    public init(into store: EventStoreSettings = EventStoreSettings()) {
        self.store = store
    }

    /// Appends the log after whatever the store holds: timestamps and stream versions continue, positions come from the
    /// store's own sequence. Works for `json` and `jsonb` columns and for `timestamp` with and without time zone.
    ///
    /// Other writers of the streams table wait until the load has ended.
    ///
    /// - Parameters:
    ///   - log: the events; what is appended depends on the log and on the store's newest event alone.
    ///   - connection: a connection that is in no transaction.
    ///   - progress: called now and then, on the connection's executor, with the number of events sent so far.
    public func load(
        _ log: SampleLog,
        on connection: PostgresConnection,
        progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) async throws -> Summary {
        try await connection.transaction { (connection: isolated PostgresConnection) in
            // Versions are counted here, so no other writer may append to a stream meanwhile. Readers are not held up.
            try connection.executeScript("LOCK TABLE \(store.streams) IN SHARE ROW EXCLUSIVE MODE")
            let formats = try eventFormats(connection)
            let origin = try origin(connection)
            var events = log.makeEvents(after: origin)
            var versions = StreamVersions(people: events.people, sessions: log.sessions)
            if origin.position > .zero {
                try versions.load(from: store, on: connection)
            }
            let sent = try copy(&events, &versions, formats, on: connection, progress)
            try versions.save(to: store, on: connection)
            let last = try self.origin(connection).position
            return Summary(events: sent, after: origin.position, last: last)
        }
    }

    /// How the store wants the columns whose types differ between stores.
    private struct Formats {
        let payloadIsBinary: Bool
        let metadataIsBinary: Bool
        let versionIsWide: Bool
    }

    private func eventFormats(_ connection: isolated PostgresConnection) throws -> Formats {
        let types = try connection.query(
            """
            SELECT attname::text, format_type(atttypid, NULL) FROM pg_attribute
            WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped
            """,
            [.text(store.events)]
        )
        var formats: [String: String] = [:]
        for row in 0..<types.count { formats[try types.text(row, 0)] = try types.text(row, 1) }
        return Formats(
            payloadIsBinary: formats["event_data"] == "jsonb",
            metadataIsBinary: formats["metadata"] == "jsonb",
            versionIsWide: formats["stream_version"] == "bigint"
        )
    }

    private func origin(_ connection: isolated PostgresConnection) throws -> SampleOrigin {
        let newest = try connection.query(
            """
            SELECT global_position::int8, CASE WHEN isfinite("timestamp")
                THEN (extract(epoch FROM "timestamp" - '2000-01-01') * 1000000)::int8 END
            FROM \(store.events) ORDER BY global_position DESC LIMIT 1
            """
        )
        guard newest.count == 1 else { return .empty }
        let timestamp =
            try newest.isNull(0, 1) ? SampleOrigin.empty.timestamp : Timestamp(microseconds: newest.int64(0, 1))
        return SampleOrigin(position: GlobalPosition(try newest.int64(0, 0)), timestamp: timestamp)
    }

    /// - Returns: how many events there were.
    private func copy(
        _ events: inout SampleEvents,
        _ versions: inout StreamVersions,
        _ formats: Formats,
        on connection: isolated PostgresConnection,
        _ progress: (Int) -> Void
    ) throws -> Int {
        let people = events.people
        // The position is left to the column's default: that takes the lock that readers of a running log rely on.
        try connection.beginCopyIn(
            """
            COPY \(store.events)
            (event_id, stream_id, stream_version, event_type, event_data, metadata, "timestamp")
            FROM STDIN (FORMAT binary)
            """
        )
        var rows = BinaryCopy()
        var stream: [UInt8] = []
        var sent = 0
        while let event = events.next() {
            stream.removeAll(keepingCapacity: true)
            people.append(nameOf: event.stream, to: &stream)
            let version = versions.next(event.stream, at: event.timestamp)
            rows.beginRow(fields: 7)
            rows.append(event.id.bytes)
            rows.append(stream)
            if formats.versionIsWide { rows.append(Int64(version)) } else { rows.append(version) }
            rows.append(event.type.name)
            rows.append(json: event.payload, isBinary: formats.payloadIsBinary)
            rows.append(json: event.metadata, isBinary: formats.metadataIsBinary)
            rows.append(timestamp: event.timestamp.rawValue)
            sent += 1
            if rows.count >= Self.pieceSize {
                try connection.writeCopy(rows.take())
                progress(sent)
            }
        }
        try connection.writeCopy(rows.finish())
        _ = try connection.endCopyIn()
        progress(sent)
        return sent
    }
}

extension BinaryCopy {
    /// - Parameter isBinary: whether the column is `jsonb`, whose binary form is a version byte and then the text.
    fileprivate mutating func append(json text: [UInt8], isBinary: Bool) {
        append(isBinary ? [1] + text : text)
    }
}
