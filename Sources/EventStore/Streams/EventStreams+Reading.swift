internal import Postgres
public import Refold

extension EventStreams {
    /// Reads a stream.
    ///
    /// - Parameters:
    ///   - stream: its id; one that does not exist has no events.
    ///   - first: the lowest version wanted.
    ///   - last: the highest version wanted; nil for all that there are when they are read.
    ///   - limit: how many events at most; nil for no limit. Negative is none.
    ///   - backwards: from the highest version wanted down to the lowest, so that `limit: 1` gives the newest event.
    public func readStream(
        _ stream: String,
        from first: StreamPosition = 1,
        to last: StreamPosition? = nil,
        limit: Int? = nil,
        backwards: Bool = false
    ) -> RecordedEvents {
        RecordedEvents { [self] in
            StreamPages(
                connection: connection,
                settings: settings,
                stream: stream,
                first: first.rawValue,
                last: last?.rawValue ?? .max,
                left: max(0, limit ?? .max),
                backwards: backwards
            )
        }
    }
}

/// The pages of one stream.
private struct StreamPages: EventPageSource {
    let connection: PostgresConnection
    let settings: EventStoreSettings
    let stream: String
    /// The versions that are still to be read, both included.
    var first: Int64
    var last: Int64
    var left: Int
    let backwards: Bool

    mutating func nextPage() async throws(EventStoreError) -> [RecordedEvent]? {
        guard first <= last, left > 0 else { return nil }
        let limit = min(left, EventPage.size)
        let page = try await read(limit)
        left -= page.events.count
        if page.isLast {
            left = 0
        } else if let end = page.events.last?.version.rawValue {
            if backwards { last = end - 1 } else { first = end + 1 }
        }
        return page.events
    }

    private func read(_ limit: Int) async throws(EventStoreError) -> EventPage {
        let sql = EventPage.sql(
            settings,
            where: "e.stream_id = $1 AND e.stream_version >= $2 AND e.stream_version <= $3",
            orderBy: "stream_version",
            descending: backwards,
            limit: "$4"
        )
        do {
            let rows = try await connection.query(
                sql,
                [.text(stream), .int64(first), .int64(last), .int64(Int64(limit))]
            )
            return try EventPage(rows, limit: limit)
        } catch {
            throw .database("reading stream \(stream.abbreviated())", error)
        }
    }
}
