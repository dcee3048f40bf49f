import Postgres
import TestSupport

/// What writers have to live with.
enum FaultInjector {
    /// Draws positions and versions in transactions that are rolled back, on the streams that others write to.
    ///
    /// - Returns: how often.
    static func rollBack(_ url: String, streams: [String], times: Int, _ generator: SeededGenerator) async throws {
        var generator = generator
        let connection = try await PostgresConnection.connect(to: url)
        for _ in 0..<times {
            let stream = generator.pick(streams)
            let events = Int.random(in: 1...3, using: &generator)
            let pause = Int.random(in: 0...2, using: &generator)
            try await connection.executeScript(
                """
                BEGIN;
                INSERT INTO streams (stream_id, version, last_updated) VALUES ('\(stream)', 0, now()) ON CONFLICT DO NOTHING;
                SELECT version FROM streams WHERE stream_id = '\(stream)' FOR UPDATE;
                INSERT INTO events (event_id, stream_id, stream_version, event_type, event_data)
                SELECT gen_random_uuid(), '\(stream)', version + n, 'never.happened', '{}'
                FROM streams, generate_series(1, \(events)) n WHERE stream_id = '\(stream)';
                UPDATE streams SET version = version + \(events) WHERE stream_id = '\(stream)';
                SELECT pg_sleep(0.00\(pause));
                ROLLBACK
                """
            )
        }
        await connection.close()
    }

    /// Ends connections of writers, or cancels what they are doing, now and then until the task is cancelled.
    static func interrupt(_ url: String, _ generator: SeededGenerator) async throws {
        var generator = generator
        let connection = try await PostgresConnection.connect(to: url)
        while !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(Int.random(in: 1...60, using: &generator)))
            let function = generator.once(in: 2) ? "pg_terminate_backend" : "pg_cancel_backend"
            _ = try? await connection.query(
                """
                SELECT \(function)(pid) FROM pg_stat_activity
                WHERE application_name = 'simulated writer' AND datname = current_database() ORDER BY random() LIMIT 1
                """
            )
        }
        await connection.close()
    }
}
