internal import Aggregates
internal import EventStore
internal import FoundationEssentials
internal import Postgres
internal import Refold

/// Reading one stream, and the one snapshot that it may have.
///
/// A snapshot is used only when nobody has changed its row (`digest`), its schema version is the aggregate's, and the
/// stream has at its version the event that it had then. So whatever happens to snapshots or to the log, the aggregate
/// loaded is the one that the stream's events make.
struct AggregateStatements<A: Aggregate> {
    let settings: EventStoreSettings

    private var events: String { quoteIdentifier(settings.schema, settings.eventsTable) }

    private static func digest(_ prefix: String = "") -> String {
        let columns = ["log", "stream_id", "version", "schema_version", "event_id", "state::text"]
        let list = columns.map { prefix + $0 }.joined(separator: ", ")
        return "sha256(convert_to(concat_ws(' ', \(list)), 'UTF8'))"
    }

    /// The usable snapshot of `$1`, `$2`, `$3`: log, stream, schema version; at version `$4` at the latest.
    private static var usable: String {
        """
        refold.snapshots
        WHERE log = $1 AND stream_id = $2 AND schema_version = $3 AND version <= $4 AND digest = \(digest())
        """
    }

    private func parameters(_ stream: String, through last: StreamPosition) -> [PostgresValue] {
        [.text(events), .text(stream), .int32(Int32(clamping: A.schemaVersion)), .int64(last.rawValue)]
    }

    /// Version, event and state of the newest usable snapshot.
    func find(_ stream: String, through last: StreamPosition) -> PostgresStatement {
        PostgresStatement(
            "SELECT version::bigint, event_id::text, state::text FROM \(Self.usable)",
            parameters(stream, through: last)
        )
    }

    /// The first page of the stream: from the event of the usable snapshot on, or from the beginning without one.
    func readSinceSnapshot(_ stream: String, through last: StreamPosition) -> PostgresStatement {
        let sql = EventPage.sql(
            settings,
            where: """
                e.stream_id = $2 AND e.stream_version >= coalesce((SELECT version FROM \(Self.usable)), 0)
                    AND e.stream_version <= $4
                """,
            orderBy: "stream_version",
            limit: "$5"
        )
        return PostgresStatement(sql, parameters(stream, through: last) + [.int64(Int64(EventPage.size))])
    }

    /// Writes the snapshot of an aggregate at a version of its stream, in the place of any other. The statement writes
    /// nothing when the stream has another event there, or none.
    func put(
        _ aggregate: A,
        _ stream: String,
        at version: StreamPosition,
        event: EventID
    ) throws -> PostgresStatement {
        PostgresStatement(
            """
            INSERT INTO refold.snapshots AS s (log, stream_id, version, schema_version, event_id, state, digest)
            SELECT new.*, \(Self.digest("new.")) FROM (
                SELECT $1::text AS log, stream_id, stream_version::integer AS version, $3::integer AS schema_version,
                    event_id, $5::json AS state
                FROM \(events) WHERE stream_id = $2 AND stream_version = $4 AND event_id = $6
            ) AS new
            ON CONFLICT (log, stream_id) DO UPDATE SET version = excluded.version,
                schema_version = excluded.schema_version, event_id = excluded.event_id, state = excluded.state,
                digest = excluded.digest, taken_at = clock_timestamp()
            """,
            parameters(stream, through: version) + [.json(try aggregate.json), .uuid("\(event)")]
        )
    }

    /// The aggregate of a snapshot's state; nil when it cannot be read.
    func decode(_ state: String) -> A? {
        try? JSONDecoder().decode(A.self, from: Data(state.utf8))
    }
}
