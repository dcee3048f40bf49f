import Postgres

/// The events of a store as the database has them, read without any of our own code.
struct WrittenLog {
    struct Entry: Equatable {
        let position: Int64
        let stream: String
        let version: Int64
        let correlation: String
        let type: String
    }

    /// In the order of streams, then versions.
    let entries: [Entry]

    init(_ connection: PostgresConnection) async throws {
        let rows = try await connection.query(
            """
            SELECT global_position::bigint, stream_id, stream_version::bigint,
                coalesce(metadata ->> 'correlation_id', ''), event_type
            FROM events ORDER BY stream_id, stream_version
            """
        )
        entries = try rows.rows.map {
            Entry(
                position: try $0.int64(0),
                stream: try $0.text(1),
                version: try $0.int64(2),
                correlation: try $0.text(3),
                type: try $0.text(4)
            )
        }
    }

    var byCorrelation: [String: [Entry]] { Dictionary(grouping: entries, by: \.correlation) }
    var byStream: [String: [Entry]] { Dictionary(grouping: entries, by: \.stream) }
}
