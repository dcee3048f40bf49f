internal import ArgumentParser
internal import EventStore
internal import Postgres
internal import Refold

/// `WriteBenchmark appends`
///
/// Each writer has a connection of its own and appends to streams taken by chance, as `append.sql` has pgbench do.
struct Appends: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Append for a time with some writers at once, and print how many events a second were appended."
    )

    @Argument(help: "The database that `refold migrate` has prepared.") var url: String
    @Argument(help: "How many append at once.") var writers: Int
    @Argument(help: "How many events each call appends.") var eventsPerCall: Int
    @Argument(help: "For how many seconds.") var seconds: Double

    func validate() throws {
        guard writers > 0, eventsPerCall > 0, seconds > 0 else { throw ValidationError("take positive numbers") }
    }

    func run() async throws {
        var streams: [EventStreams] = []
        for _ in 0..<writers { streams.append(EventStreams(try await PostgresConnection.connect(to: url))) }
        let started = ContinuousClock.now
        let appended = try await withThrowingTaskGroup(of: Int.self) { group in
            for streams in streams {
                group.addTask { try await append(to: streams, until: started + .seconds(seconds)) }
            }
            return try await group.reduce(0, +)
        }
        print(Int(Double(appended) / ((ContinuousClock.now - started) / .seconds(1))))
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
