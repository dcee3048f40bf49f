internal import Postgres
internal import Refold

/// The one statement of an append: it moves the stream's row, if the stream is where the writer expects it, and inserts
/// the events after it.
///
/// The rows to insert come out of the stream's CTE, so the stream's row is locked before the first position is drawn: a
/// writer that waits for another one does not hold back the high-water mark. When the stream is elsewhere, the CTE is
/// empty, nothing is inserted, and the answer has no row.
struct AppendStatement {
    let stream: String
    let expected: ExpectedVersion
    let events: [NewEvent]
    /// When each event happened, and its metadata with that time.
    private let times: [Timestamp]
    private let metadata: [String]
    private let settings: EventStoreSettings

    /// - Throws: `invalidEvent` for what cannot be stored whatever the store holds.
    init(
        _ stream: String,
        _ expected: ExpectedVersion,
        _ events: [NewEvent],
        _ settings: EventStoreSettings
    ) throws(EventStoreError) {
        func check(_ holds: Bool, _ message: @autoclosure () -> String) throws(EventStoreError) {
            guard holds else { throw EventStoreError(.invalidEvent, message()) }
        }
        func check(_ name: String, _ what: String) throws(EventStoreError) {
            guard let refusal = EventLimits.refusal(of: name, what) else { return }
            throw EventStoreError(
                .invalidEvent,
                refusal,
                remedy: "shorten or correct it, say by a digest of what is long"
            )
        }
        try check(stream, "a stream's id")
        try check(!events.isEmpty, "there is nothing to append")
        for event in events {
            try check(event.type, "an event's type")
            try check(
                event.typeVersion >= 1,
                "version \(event.typeVersion) of type \(event.type.printable) is not 1 or more"
            )
        }
        if events.count > 1 {
            var ids = Set<EventID>(minimumCapacity: events.count)
            for event in events {
                try check(ids.insert(event.id).inserted, "the event id \(event.id) occurs twice in one append")
            }
        }
        let now = Timestamp.now()
        times = events.map { $0.timestamp ?? now }
        metadata = zip(events, times).map { $0.storedMetadata(at: $1) }
        if let refusal = EventLimits.refusal(of: events.map(\.payload) + metadata) {
            throw EventStoreError(
                .invalidEvent,
                "stream \(stream.abbreviated()) cannot be appended to: \(refusal)",
                remedy: "append fewer events at once; keep what is large elsewhere and store where it is"
            )
        }
        self.stream = stream
        if case .exactly(0) = expected { self.expected = .noStream } else { self.expected = expected }
        self.events = events
        self.settings = settings
    }

    /// Gives, for each event in order, its version and its position.
    var statement: PostgresStatement {
        events.count == 1 ? single(events[0]) : several
    }

    // MARK: SQL

    private static let columns = #"event_id, stream_id, stream_version, event_type, event_data, metadata, "timestamp""#
    private static let answer = "RETURNING stream_version::bigint, global_position::bigint"

    /// $1 is the stream, $2 the number of events, and $8 the version that is expected exactly.
    private var advance: String {
        let upsert = """
            INSERT INTO \(settings.streams) AS s (stream_id, version, last_updated) VALUES ($1, $2, now())
            ON CONFLICT (stream_id)
            DO UPDATE SET version = s.version + excluded.version, last_updated = excluded.last_updated
            """
        let update = """
            UPDATE \(settings.streams) AS s SET version = s.version + $2, last_updated = now() WHERE s.stream_id = $1
            """
        let change =
            switch expected {
            case .any: upsert
            case .noStream: upsert + " WHERE s.version = 0"
            case .streamExists: update + " AND s.version > 0"
            case .exactly: update + " AND s.version = $8"
            }
        return "WITH stream AS (\(change) RETURNING s.version - $2 AS before)"
    }

    private var commonParameters: [PostgresValue] { [.text(stream), .int64(Int64(events.count))] }

    private var lastParameter: [PostgresValue] {
        if case .exactly(let version) = expected { [.int64(version.rawValue)] } else { [] }
    }

    /// A parameter of no stated type that is a column of its own in the SELECT gets the type of the column it is
    /// inserted into: payloads may be json or jsonb. Unnesting one event's arrays would cost a fifth of the append.
    private func single(_ event: NewEvent) -> PostgresStatement {
        PostgresStatement(
            """
            \(advance)
            INSERT INTO \(settings.events) (\(Self.columns))
            SELECT $3, $1, stream.before + 1, $4, $5, $6, $7 FROM stream \(Self.answer)
            """,
            commonParameters + [
                .uuid(bytes: event.id.bytes), .text(event.type), .json(event.payload),
                .json(metadata[0]), .timestamp(times[0].rawValue),
            ] + lastParameter
        )
    }

    private var several: PostgresStatement {
        let payloads = settings.array(like: "event_data", "$5")
        let storedMetadata = settings.array(like: "metadata", "$6")
        return PostgresStatement(
            """
            \(advance)
            INSERT INTO \(settings.events) (\(Self.columns))
            SELECT e.id, $1, stream.before + e.place, e.type, e.data, e.metadata, e.time
            FROM stream,
                 unnest($3, $4, \(payloads), \(storedMetadata), $7)
                     WITH ORDINALITY AS e (id, type, data, metadata, time, place)
            ORDER BY e.place \(Self.answer)
            """,
            commonParameters + [
                .uuidArray(events.map(\.id.bytes)), .textArray(events.map(\.type)),
                .arrayLiteral(events.map(\.payload)),
                .arrayLiteral(metadata),
                .timestampArray(times.map(\.rawValue)),
            ] + lastParameter
        )
    }
}
