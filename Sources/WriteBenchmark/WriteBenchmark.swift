internal import EventStore
internal import Glibc
internal import Postgres
internal import Refold

/// Appends for a time with some writers at once, and prints how many events a second were appended. For `ops/bench`.
///
///     WriteBenchmark URL WRITERS EVENTS-PER-CALL SECONDS
///
/// Each writer has a connection of its own and appends to streams taken by chance, as `append.sql` has pgbench do.
@main
struct WriteBenchmark {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 5, let writers = Int(arguments[2]), let events = Int(arguments[3]),
            let seconds = Double(arguments[4]), writers > 0, events > 0, seconds > 0
        else {
            let usage = "usage: WriteBenchmark URL WRITERS EVENTS-PER-CALL SECONDS\n"
            _ = write(STDERR_FILENO, usage, usage.utf8.count)
            exit(64)
        }
        print(try await run(url: arguments[1], writers: writers, eventsPerCall: events, time: .seconds(seconds)))
    }

    private static func run(url: String, writers: Int, eventsPerCall: Int, time: Duration) async throws -> Int {
        var streams: [EventStreams] = []
        for _ in 0..<writers { streams.append(EventStreams(try await PostgresConnection.connect(to: url))) }
        let started = ContinuousClock.now
        let appended = try await withThrowingTaskGroup(of: Int.self) { group in
            for streams in streams {
                group.addTask { try await append(to: streams, eventsPerCall, until: started + time) }
            }
            return try await group.reduce(0, +)
        }
        return Int(Double(appended) / ((ContinuousClock.now - started) / .seconds(1)))
    }

    private static func append(
        to streams: EventStreams,
        _ eventsPerCall: Int,
        until deadline: ContinuousClock.Instant
    ) async throws -> Int {
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
