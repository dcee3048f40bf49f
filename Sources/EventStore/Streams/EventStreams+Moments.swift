internal import Postgres
public import Refold

extension EventStreams {
    /// The version that a stream had at a time: that of its last event whose timestamp is then or before; nil for none.
    ///
    /// Writers' clocks may go back, so earlier events of the stream may have later timestamps.
    public func version(of stream: String, at time: Timestamp) async throws(EventStoreError) -> StreamPosition? {
        do {
            let found = try await connection.query(
                """
                SELECT stream_version::bigint FROM \(settings.events) WHERE stream_id = $1 AND "timestamp" <= $2
                ORDER BY stream_version DESC LIMIT 1
                """,
                [.text(stream), .timestamp(time.rawValue)]
            )
            return found.isEmpty ? nil : StreamPosition(try found.int64(0, 0))
        } catch {
            throw .database("looking for the version of stream \(stream.abbreviated())", error)
        }
    }
}
