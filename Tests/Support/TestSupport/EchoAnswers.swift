public import Postgres

/// Questions (`echo.asked`) and the answers that a projection emits to them, in the log.
public enum EchoAnswers {
    /// Appends a question in a transaction of its own.
    public static func ask(_ payload: String, on connection: PostgresConnection) async throws {
        try await connection.execute(
            """
            INSERT INTO events (event_id, stream_id, stream_version, event_type, event_data, metadata, "timestamp")
            SELECT gen_random_uuid(), 'asked', coalesce(max(stream_version), 0) + 1, 'echo.asked', $1, '{}',
                   '2024-05-01 12:00:00+00'
              FROM events WHERE stream_id = 'asked'
            """,
            [.json(payload)]
        )
    }

    /// What is wrong: each question after a position has its answers in the log, once and in order, each stream counts
    /// its events, and nothing is left in the outbox.
    public static func problems(after position: Int64 = 0, on connection: PostgresConnection) async throws -> [String] {
        var problems = try await connection.query(wrongAnswers, [.int64(position)]).rows.map { row in
            "the question at \(try row.int64(0)) has \(try row.int64(1)) answers, not \(try row.int64(2))"
        }
        for (problem, sql) in [
            ("answers out of order", outOfOrder), ("ids that occur twice", repeated),
            ("streams miscounted", miscounted),
            ("rows left in the outbox", "SELECT count(*) FROM refold.outbox"),
        ] {
            let count = try await connection.query(sql).int64(0, 0)
            if count > 0 { problems.append("\(count) \(problem)") }
        }
        return problems
    }

    private static let wrongAnswers = """
        SELECT q.global_position::bigint, a.found, a.wanted FROM events q CROSS JOIN LATERAL (
            SELECT (SELECT count(*) FROM events e WHERE e.event_type = 'echo.answered'
                       AND e.metadata->>'causation_id' = q.event_id::text) AS found,
                   CASE WHEN q.global_position > $1 THEN coalesce((q.event_data->>'count')::bigint, 1) ELSE 0 END AS wanted
        ) a WHERE q.event_type = 'echo.asked' AND a.found <> a.wanted
        """

    private static let outOfOrder = """
        SELECT count(*) FROM (
            SELECT (q.global_position, (e.event_data->>'answer')::int) AS place,
                   lag((q.global_position, (e.event_data->>'answer')::int)) OVER (ORDER BY e.global_position) AS before
              FROM events e JOIN events q ON q.event_id::text = e.metadata->>'causation_id'
             WHERE e.event_type = 'echo.answered') answers WHERE place < before
        """

    private static let repeated = """
        SELECT count(*) FROM (SELECT FROM events GROUP BY event_id HAVING count(*) > 1) twice
        """

    private static let miscounted = """
        SELECT count(*) FROM (SELECT stream_id, max(stream_version)::bigint AS newest, count(*) AS events FROM events
                               WHERE stream_id LIKE 'echo:%' GROUP BY stream_id) e
          LEFT JOIN streams s USING (stream_id) WHERE (e.newest, e.events) IS DISTINCT FROM (s.version::bigint, e.newest)
        """
}
