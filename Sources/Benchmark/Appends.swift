internal import EventStore
internal import Postgres
internal import Refold

/// Appends with some writers at once; each has a connection of its own and appends to streams chosen at random, as
/// `append.sql` has pgbench do.
struct Appends {
    private let database: Database
    private let writers: Int
    private let eventsPerCall: Int

    init(_ database: Database, writers: Int, eventsPerCall: Int) {
        self.database = database
        self.writers = writers
        self.eventsPerCall = eventsPerCall
    }

    /// Appends for a time, and returns the events per second.
    func rate(for time: Duration) async throws -> Double {
        var connections: [PostgresConnection] = []
        for _ in 0..<writers { connections.append(try await PostgresConnection.connect(to: database.url)) }
        let started = ContinuousClock.now
        let appended = try await withThrowingTaskGroup(of: Int.self) { group in
            for connection in connections {
                group.addTask { try await append(to: EventStreams(connection), until: started + time) }
            }
            return try await group.reduce(0, +)
        }
        let rate = Double(appended) / ((ContinuousClock.now - started) / .seconds(1))
        for connection in connections { await connection.close() }
        return rate
    }

    private func append(to streams: EventStreams, until deadline: ContinuousClock.Instant) async throws -> Int {
        var random = SystemRandomNumberGenerator()
        var appended = 0
        while ContinuousClock.now < deadline {
            let user = "user-\(UInt32.random(in: 1...10_000, using: &random))"
            let events = (0..<eventsPerCall).map { _ in
                NewEvent(
                    type: "content.watched",
                    payload: """
                        {"user_id":"\(user)","content_id":"content-\(UInt32.random(in: 1...5_000, using: &random))",\
                        "watch_duration_seconds":1715,"completion_percentage":100,"genre":"drama"}
                        """
                )
            }
            _ = try await streams.append(to: user, events: events)
            appended += eventsPerCall
        }
        return appended
    }
}
