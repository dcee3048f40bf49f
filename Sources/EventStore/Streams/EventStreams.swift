public import Postgres
internal import Refold

/// Appends to streams and reads them.
public struct EventStreams: Sendable {
    package let connection: PostgresConnection
    package let settings: EventStoreSettings

    /// - Parameters:
    ///   - connection: not used by anybody else during a call, and in no transaction.
    ///   - settings: where the store is. Events and streams have the columns of `Schema/events.sql`, and the same two
    ///     unique keys beside the position: the event's id, and the stream with the version.
    public init(_ connection: PostgresConnection, _ settings: EventStoreSettings = EventStoreSettings()) {
        self.connection = connection
        self.settings = settings
    }

    /// Appends events to a stream, all or none, in one transaction and one round trip.
    ///
    /// Appends to one stream take turns: each holds the stream's row until it commits. Appended again, the same events
    /// in the same place are a success that stores nothing, so after a lost connection the call can be repeated.
    ///
    /// - Parameters:
    ///   - stream: its id, 1 to 2,048 bytes, which alone distinguishes it from others. The first append makes the
    ///     stream.
    ///   - expected: where the writer expects the stream to stand.
    ///   - events: at least one, in order.
    /// - Throws: `wrongExpectedVersion` with both versions in `expected` and `actual`; `duplicateEventID` when an event
    ///   of that id is in another place; `invalidEvent` for a payload that is no JSON, an id or type that is too long,
    ///   payloads of more than 1 GiB, and the like; `positionAboveSequence`; `database`.
    public func append(
        to stream: String,
        expecting expected: ExpectedVersion = .any,
        events: [NewEvent]
    ) async throws(EventStoreError) -> Appended {
        try await perform(AppendStatement(stream, expected, events, settings), on: connection)
    }

    /// How often an append is tried while other writers change the stream between our statements.
    private static let attempts = 5

    private func perform(
        _ append: AppendStatement,
        on connection: isolated PostgresConnection
    ) throws(EventStoreError) -> Appended {
        let statement = append.statement
        var refusal: PostgresError?
        for _ in 0..<Self.attempts {
            do {
                let rows = try connection.query(statement.sql, statement.parameters)
                if !rows.isEmpty { return try appended(rows) }
            } catch {
                guard error.sqlState == .uniqueViolation else { throw Self.failure(append.stream, error) }
                refusal = error
            }
            // Either the stream stands elsewhere, or one of the events or versions is there already.
            let conflict = try AppendConflict(append, settings, on: connection)
            if let before = try conflict.resolve() { return before }
            if conflict.isStreamBehind { try repair(append.stream, connection) }
        }
        if let problem = sequenceProblem(connection) { throw problem }
        throw EventStoreError(
            .database,
            "appending to stream \(append.stream.abbreviated()) failed \(Self.attempts) times because others changed it meanwhile",
            remedy: "let all writers keep the table \(settings.streamsTable), and try again",
            cause: refusal
        )
    }

    private func appended(_ rows: PostgresResult) throws(PostgresError) -> Appended {
        var positions: [GlobalPosition] = []
        positions.reserveCapacity(rows.count)
        for row in 0..<rows.count { positions.append(GlobalPosition(try rows.int64(row, 1))) }
        return Appended(version: StreamPosition(try rows.int64(rows.count - 1, 0)), positions: positions)
    }

    /// Whether the positions that are drawn are taken already; nil when they are not, or nobody can tell.
    private func sequenceProblem(_ connection: isolated PostgresConnection) -> EventStoreError? {
        do throws(EventStoreError) {
            let store = try StoreInspection.inspect(connection, settings)
            try StoreInspection.requireSequenceAhead(connection, store)
            return nil
        } catch {
            return error.code == .positionAboveSequence ? error : nil
        }
    }

    /// Lets the stream's row catch up with events that were written without it.
    private func repair(_ stream: String, _ connection: isolated PostgresConnection) throws(EventStoreError) {
        do {
            try connection.execute(settings.repairingStreams, [.textArray([stream])])
        } catch {
            throw .database("repairing the version of stream \(stream.abbreviated())", error)
        }
    }

    private static func failure(_ stream: String, _ error: PostgresError) -> EventStoreError {
        guard error.isDataError else { return .database("appending to stream \(stream.abbreviated())", error) }
        return EventStoreError(
            .invalidEvent,
            "an event for stream \(stream.abbreviated()) cannot be stored: \(error)",
            remedy: "correct the event, or make it smaller where it exceeds one of PostgreSQL's limits",
            cause: error
        )
    }
}
