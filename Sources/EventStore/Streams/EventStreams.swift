public import Postgres
public import Refold

/// Appends to streams and reads single ones.
public struct EventStreams: Sendable {
    private let connection: PostgresConnection
    private let settings: EventStoreSettings

    /// - Parameters:
    ///   - connection: not used by anybody else during a call.
    ///   - settings: where the store is; events and streams have the columns of `Schema/events.sql`.
    public init(_ connection: PostgresConnection, _ settings: EventStoreSettings = EventStoreSettings()) {
        self.connection = connection
        self.settings = settings
    }

    /// Appends events to a stream, all or none, in one transaction.
    ///
    /// Appends to one stream take turns: each holds the stream's row until it commits.
    ///
    /// - Parameter events: at least one, in order.
    /// - Throws: `wrongExpectedVersion`, `invalidEvent` for a payload that is no JSON and the like, `database`.
    public func append(
        to stream: String,
        expecting expected: ExpectedVersion = .any,
        events: [NewEvent]
    ) async throws(EventStoreError) -> Appended {
        try validate(stream, events)
        do {
            return try await connection.transaction { connection in
                let version = try lock(stream, connection)
                guard expected.accepts(version) else { throw Self.refuse(stream, version, expected) }
                return try insert(events, stream, after: version, connection)
            }
        } catch let error as EventStoreError {
            throw error
        } catch let error as PostgresError {
            // A writer that does not keep the streams table: it took the version while we held the stream's row.
            if error.sqlState == "23505", error.constraint?.contains("event_id") != true {
                throw EventStoreError(
                    .wrongExpectedVersion,
                    "stream \(stream) was appended to by a writer that does not lock it in \(settings.streamsTable)",
                    remedy: "read it again and decide anew",
                    cause: error
                )
            }
            guard error.isDataError else { throw .database("appending to stream \(stream)", error) }
            throw EventStoreError(
                .invalidEvent,
                "an event for stream \(stream) cannot be stored: \(error)",
                cause: error
            )
        } catch {
            throw EventStoreError(.database, "appending to stream \(stream) failed: \(error)", cause: error)
        }
    }

    /// Reads a stream forwards.
    ///
    /// - Parameters:
    ///   - version: the first version wanted.
    ///   - limit: how many events at most.
    /// - Returns: the events in order; none when the stream ends before or does not exist.
    public func read(
        _ stream: String,
        from version: StreamPosition = 1,
        limit: Int = 1_000
    ) async throws(EventStoreError) -> [RecordedEvent] {
        do {
            let rows = try await connection.query(
                """
                SELECT event_id::text, stream_version::bigint, global_position::bigint, event_type::text,
                       event_data::text, metadata::text, "timestamp"
                FROM \(settings.events) WHERE stream_id = $1 AND stream_version >= $2
                ORDER BY stream_version LIMIT $3
                """,
                [.text(stream), .int64(version.rawValue), .int64(Int64(max(0, limit)))]
            )
            var events: [RecordedEvent] = []
            events.reserveCapacity(rows.count)
            for row in 0..<rows.count {
                events.append(
                    RecordedEvent(
                        id: try rows.text(row, 0),
                        version: StreamPosition(try rows.int64(row, 1)),
                        position: GlobalPosition(try rows.int64(row, 2)),
                        type: try rows.text(row, 3),
                        payload: try rows.text(row, 4),
                        metadata: try rows.isNull(row, 5) ? nil : rows.text(row, 5),
                        timestamp: Timestamp(microseconds: try rows.timestamp(row, 6))
                    )
                )
            }
            return events
        } catch {
            throw .database("reading stream \(stream)", error)
        }
    }

    private func validate(_ stream: String, _ events: [NewEvent]) throws(EventStoreError) {
        guard !stream.isEmpty else { throw EventStoreError(.invalidEvent, "a stream's id is not empty") }
        guard !events.isEmpty else { throw EventStoreError(.invalidEvent, "there is nothing to append") }
        guard !events.contains(where: { $0.type.isEmpty }) else {
            throw EventStoreError(.invalidEvent, "an event's type is not empty")
        }
    }

    /// Locks the stream's row, making one where there is none, and returns the stream's version.
    ///
    /// The row is locked before any position is drawn, so the wait for another writer does not hold the high-water mark.
    private func lock(_ stream: String, _ connection: isolated PostgresConnection) throws -> StreamPosition {
        let results = try connection.pipeline([
            PostgresStatement(
                """
                INSERT INTO \(settings.streams) (stream_id, version, last_updated)
                SELECT $1, coalesce(max(stream_version), 0), now() FROM \(settings.events) WHERE stream_id = $1
                ON CONFLICT (stream_id) DO NOTHING
                """,
                [.text(stream)]
            ),
            PostgresStatement(
                "SELECT version::bigint FROM \(settings.streams) WHERE stream_id = $1 FOR UPDATE",
                [.text(stream)]
            ),
        ])
        return StreamPosition(try results[1].int64(0, 0))
    }

    private func insert(
        _ events: [NewEvent],
        _ stream: String,
        after version: StreamPosition,
        _ connection: isolated PostgresConnection
    ) throws -> Appended {
        var statements: [PostgresStatement] = []
        for (index, event) in events.enumerated() {
            statements.append(
                PostgresStatement(
                    """
                    INSERT INTO \(settings.events)
                        (event_id, stream_id, stream_version, event_type, event_data, metadata, "timestamp")
                    VALUES (coalesce($1, gen_random_uuid()), $2, $3, $4, $5, $6, coalesce($7, now()))
                    RETURNING global_position::bigint
                    """,
                    [
                        event.id.map { .uuid($0) } ?? .null, .text(stream),
                        .int32(Int32(clamping: version.rawValue + Int64(index) + 1)), .text(event.type),
                        .json(event.payload), event.metadata.map { .json($0) } ?? .null,
                        event.timestamp.map { .timestamp($0.rawValue) } ?? .null,
                    ]
                )
            )
        }
        let newest = StreamPosition(version.rawValue + Int64(events.count))
        statements.append(
            PostgresStatement(
                "UPDATE \(settings.streams) SET version = $2, last_updated = now() WHERE stream_id = $1",
                [.text(stream), .int32(Int32(clamping: newest.rawValue))]
            )
        )
        let results = try connection.pipeline(statements)
        return Appended(
            version: newest,
            positions: try results.dropLast().map { GlobalPosition(try $0.int64(0, 0)) }
        )
    }

    private static func refuse(
        _ stream: String,
        _ version: StreamPosition,
        _ expected: ExpectedVersion
    ) -> EventStoreError {
        EventStoreError(
            .wrongExpectedVersion,
            "stream \(stream) has version \(version), where the writer expected \(expected)",
            remedy: "read it again and decide anew"
        )
    }
}
