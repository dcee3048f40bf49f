internal import Postgres
public import Refold

/// What is known of a stream without reading its events.
public struct StreamSummary: Sendable, Hashable {
    /// The stream's id.
    public let id: String
    /// The version of its newest event.
    public let version: StreamPosition
    /// When it was last appended to, by the server's clock.
    public let lastUpdated: Timestamp
}

extension EventStreams {
    /// Lists streams in the order of their ids, as the streams table has them.
    ///
    /// - Parameters:
    ///   - prefix: what the ids begin with; empty for all streams.
    ///   - after: the last id of the previous list, to continue a long one; nil begins with the first.
    ///   - limit: how many at most.
    public func streams(
        prefix: String = "",
        after: String? = nil,
        limit: Int = 100
    ) async throws(EventStoreError) -> [StreamSummary] {
        do {
            let rows = try await connection.query(
                """
                SELECT stream_id, version::bigint, last_updated FROM \(settings.streams)
                WHERE version > 0 AND starts_with(stream_id, $1) AND ($2::text IS NULL OR stream_id > $2)
                ORDER BY stream_id LIMIT $3
                """,
                [.text(prefix), after.map { .text($0) } ?? .null, .int64(Int64(max(0, limit)))]
            )
            var streams: [StreamSummary] = []
            for row in rows.rows {
                streams.append(
                    StreamSummary(
                        id: try row.text(0),
                        version: StreamPosition(try row.int64(1)),
                        lastUpdated: Timestamp(microseconds: try row.timestamp(2))
                    )
                )
            }
            return streams
        } catch {
            throw .database("listing streams", error)
        }
    }
}
