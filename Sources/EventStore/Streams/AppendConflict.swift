internal import Postgres
internal import Refold

/// Why an append inserted nothing: where the stream stands, and which of the events are in the store.
struct AppendConflict {
    /// Where an event was found.
    private struct Place {
        /// A `Text`, since a stream's id is its bytes: two of them may be equal for `String`.
        let stream: Text
        let version: StreamPosition
        let position: GlobalPosition
    }

    private let append: AppendStatement
    private let places: [EventID: Place]
    /// The version in the streams table; nil when the stream has no row there.
    private let rowVersion: StreamPosition?
    /// The version of the stream's newest event; 0 when there is none.
    private let newestVersion: StreamPosition

    /// Looks up the stream and the events.
    init(
        _ append: AppendStatement,
        _ settings: EventStoreSettings,
        on connection: isolated PostgresConnection
    ) throws(EventStoreError) {
        self.append = append
        do {
            let results = try connection.pipeline([
                PostgresStatement(
                    """
                    SELECT event_id, stream_id, stream_version::bigint, global_position::bigint
                    FROM \(settings.events) WHERE event_id = ANY ($1)
                    """,
                    [.uuidArray(append.events.map(\.id.bytes))]
                ),
                PostgresStatement(
                    """
                    SELECT (SELECT s.version::bigint FROM \(settings.streams) s WHERE s.stream_id = $1),
                           (SELECT max(e.stream_version)::bigint FROM \(settings.events) e WHERE e.stream_id = $1)
                    """,
                    [.text(append.stream)]
                ),
            ])
            var places: [EventID: Place] = [:]
            for row in results[0].rows {
                guard let id = EventID(try row.text(0)) else { continue }
                places[id] = Place(
                    stream: Text(try row.text(1)),
                    version: StreamPosition(try row.int64(2)),
                    position: GlobalPosition(try row.int64(3))
                )
            }
            self.places = places
            let versions = results[1].rows[0]
            rowVersion = try versions.optionalInt64(0).map { StreamPosition($0) }
            newestVersion = StreamPosition(try versions.optionalInt64(1) ?? 0)
        } catch {
            throw .database("finding out why stream \(append.stream.abbreviated()) was not appended to", error)
        }
    }

    /// Whether the stream has events that its row in the streams table does not count.
    var isStreamBehind: Bool { (rowVersion ?? 0) < newestVersion }

    /// Judges the conflict.
    ///
    /// - Returns: what an earlier call appended, when this one is its repetition; nil when trying again may help.
    func resolve() throws(EventStoreError) -> Appended? {
        if let earlier { return earlier }
        let actual = max(rowVersion ?? 0, newestVersion)
        guard append.expected.accepts(actual) else {
            throw .wrongExpectedVersion(append.stream, expected: append.expected, actual: actual)
        }
        guard let event = append.events.first(where: { places[$0.id] != nil }), let place = places[event.id] else {
            return nil
        }
        throw .duplicateEventID(
            event.id,
            stream: String(place.stream),
            version: place.version,
            position: place.position
        )
    }

    /// The outcome of an earlier call: all events are in this stream, one after the other, after a version that was
    /// expected.
    private var earlier: Appended? {
        let found = append.events.compactMap { places[$0.id] }
        guard found.count == append.events.count, let first = found.first, let last = found.last,
            append.expected.accepts(StreamPosition(first.version.rawValue - 1))
        else { return nil }
        let stream = Text(append.stream)
        for (offset, place) in found.enumerated() {
            guard place.stream == stream, place.version.rawValue == first.version.rawValue + Int64(offset) else {
                return nil
            }
        }
        return Appended(version: last.version, positions: found.map(\.position), wasRepeated: true)
    }
}
