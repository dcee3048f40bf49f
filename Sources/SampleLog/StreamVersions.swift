internal import EventStore
internal import Postgres
internal import Refold

/// The versions of the catalogue's streams while a log is being loaded.
struct StreamVersions {
    private struct Stream {
        var version: Int32 = 0
        var updated = Timestamp(microseconds: 0)
        var wasTouched = false
    }

    private let people: SamplePeople
    private var users: [Stream]
    private var contents: [Stream]
    private var sessions: [Stream]

    init(people: SamplePeople, sessions: Int) {
        self.people = people
        users = [Stream](repeating: Stream(), count: people.users + SamplePeople.oddUsers.count)
        contents = [Stream](repeating: Stream(), count: people.contents + SamplePeople.oddContents.count)
        self.sessions = [Stream](repeating: Stream(), count: sessions)
    }

    private subscript(_ stream: SampleStream) -> Stream {
        get {
            switch stream {
            case .user(let index): users[index]
            case .content(let index): contents[index]
            case .session(let index): sessions[index]
            }
        }
        set {
            switch stream {
            case .user(let index): users[index] = newValue
            case .content(let index): contents[index] = newValue
            case .session(let index): sessions[index] = newValue
            }
        }
    }

    /// The streams that other logs append to as well.
    private var sharedStreams: [SampleStream] {
        users.indices.map { .user($0) } + contents.indices.map { .content($0) }
    }

    private var streams: [SampleStream] { sharedStreams + sessions.indices.map { .session($0) } }

    /// The version of the next event in a stream: 1 for the first one.
    mutating func next(_ stream: SampleStream, at timestamp: Timestamp) -> Int32 {
        self[stream].version += 1
        self[stream].updated = timestamp
        self[stream].wasTouched = true
        return self[stream].version
    }

    /// Takes over the versions that the store has.
    mutating func load(from store: EventStoreSettings, on connection: isolated PostgresConnection) throws {
        let all = sharedStreams
        for start in stride(from: 0, to: all.count, by: 10_000) {
            let part = all[start..<min(start + 10_000, all.count)]
            let known = try connection.query(
                """
                SELECT n.place, s.version::int8 FROM unnest($1::text[]) WITH ORDINALITY AS n (name, place)
                JOIN \(store.streams) s ON s.stream_id = n.name
                """,
                [.textArray(part.map { people.name(of: $0) })]
            )
            for row in 0..<known.count {
                self[all[start + Int(try known.int64(row, 0)) - 1]].version = Int32(try known.int64(row, 1))
            }
        }
    }

    /// Writes the versions of the streams that grew.
    func save(to store: EventStoreSettings, on connection: isolated PostgresConnection) throws {
        try connection.executeScript(
            """
            CREATE TEMPORARY TABLE refold_sample_streams (stream_id text, version integer, last_updated timestamptz)
            ON COMMIT DROP
            """
        )
        try connection.beginCopyIn("COPY refold_sample_streams FROM STDIN (FORMAT binary)")
        var rows = BinaryCopy()
        for stream in streams where self[stream].wasTouched {
            rows.beginRow(fields: 3)
            rows.append(people.name(of: stream))
            rows.append(self[stream].version)
            rows.append(timestamp: self[stream].updated.rawValue)
            if rows.count >= 256 * 1_024 { try connection.writeCopy(rows.take()) }
        }
        try connection.writeCopy(rows.finish())
        _ = try connection.endCopyIn()
        try connection.execute(
            """
            INSERT INTO \(store.streams) (stream_id, version, last_updated)
            SELECT stream_id, version, last_updated FROM refold_sample_streams
            ON CONFLICT (stream_id) DO UPDATE SET version = excluded.version, last_updated = excluded.last_updated
            """
        )
    }
}
