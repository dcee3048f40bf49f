internal import Foundation
internal import Postgres

/// How long after its commit a reader sees an event; milliseconds.
struct Latency {
    /// The median, the 99th percentile, and the longest.
    struct Times {
        var middle = 0.0
        var percentile99 = 0.0
        var longest = 0.0
    }

    var events = 0
    /// Events that no reader saw.
    var unseen = 0
    /// Until all read models show it.
    var shown = Times()
    /// Before that: until older transactions ended.
    var waited = Times()
}

/// Runs a daemon, and a reader that looks twice in a millisecond, while something writes.
struct TailObserver {
    private let workplace: Workplace

    init(_ workplace: Workplace) {
        self.workplace = workplace
    }

    /// - Parameters:
    ///   - models: the read models that the daemon tails and the reader looks at.
    ///   - time: for how long the reader looks; longer than the writing takes.
    ///   - write: what appends the events.
    /// - Returns: what the reader saw, and the daemon's peak memory in MiB.
    func observe(
        _ models: [String] = ReadSide.models,
        in database: Database,
        for time: Duration,
        while write: () async throws -> Void
    ) async throws -> (Latency, daemonMebibytes: Int) {
        let daemon = try workplace.start(
            [workplace.refold, "tail"] + models + ["--quiet"],
            environment: database.environment
        )
        do {
            try await waitUntilCaughtUp(daemon, models, database)
            let start = try await lastPosition(database)
            try await database.execute(String(decoding: PackageResources.latency_sampler_sql, as: UTF8.self))
            async let sampling: Void = database.executeAlone(
                """
                CALL benchmark.sample(
                    '{\(models.joined(separator: ","))}', clock_timestamp() + interval '\(time.components.seconds) seconds')
                """
            )
            try await write()
            try await sampling
            try await database.execute("CREATE INDEX ON benchmark.visible (position)")
            let peak = try daemon.peakMebibytes()
            kill(daemon.id, SIGTERM)
            guard await daemon.end() == 0 else { throw Failure(description: "the daemon failed: \(daemon.lastLines)") }
            return (try await latency(database, after: start), peak)
        } catch {
            kill(daemon.id, SIGTERM)
            throw error
        }
    }

    private func lastPosition(_ database: Database) async throws -> Int {
        try await database.integer(
            "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM events_global_position_seq"
        )
    }

    private func waitUntilCaughtUp(_ daemon: Program, _ models: [String], _ database: Database) async throws {
        let position = try await lastPosition(database)
        let deadline = ContinuousClock.now + .seconds(60)
        while try await database.integer(
            """
            SELECT count(*) FROM refold.projections AS p JOIN refold.checkpoints AS c ON c.generation = p.live
            JOIN refold.owners AS o ON o.id = c.owner WHERE c.position >= $1 AND o.pid = $2
            """,
            [.int64(Int64(position)), .int64(Int64(daemon.id))]
        ) != models.count {
            guard daemon.isRunning, ContinuousClock.now < deadline else {
                throw Failure(description: "the daemon does not get to position \(position): \(daemon.lastLines)")
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    private func latency(_ database: Database, after start: Int) async throws -> Latency {
        try await database.withConnection { connection in
            let sql = String(decoding: PackageResources.latency_sql, as: UTF8.self)
            let row = try await connection.query(sql, [.int64(Int64(start))]).rows[0]
            func times(from column: Int) throws -> Latency.Times {
                Latency.Times(
                    middle: try row.optionalDouble(column) ?? .nan,
                    percentile99: try row.optionalDouble(column + 1) ?? .nan,
                    longest: try row.optionalDouble(column + 2) ?? .nan
                )
            }
            return Latency(
                events: Int(try row.int64(0)),
                unseen: Int(try row.int64(1)),
                shown: try times(from: 2),
                waited: try times(from: 5)
            )
        }
    }
}
