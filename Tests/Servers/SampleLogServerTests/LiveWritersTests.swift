import Postgres
import Refold
import SampleLog
import Synchronization
import TestSupport
import Testing

@Suite("Live writers") struct LiveWritersTests {
    @Test("count what the store then holds, with gapless streams") func countsWhatItDoes() async throws {
        try await TestDatabase.with { database in
            let connection = try await database.connect()
            try await connection.executeScript(SampleStoreTables.ddl(payload: "json"))
            let committed = Mutex<Set<GlobalPosition>>([])
            let ended = Mutex((committed: 0, rolledBack: 0))
            let (enough, signal) = AsyncStream<Void>.makeStream()
            let writers = LiveWriters(
                writers: 4,
                rate: nil,
                rollback: 0.3,
                transactionTime: .milliseconds(6),
                duration: nil,
                users: 5,
                contents: 5
            )
            // However busy the machine is, they write until there is something to count.
            let writing = Task {
                try await writers.run(connect: { try await database.connect() }) { transaction in
                    if transaction.wasCommitted { committed.withLock { $0.formUnion(transaction.positions) } }
                    let isEnough = ended.withLock { ended in
                        if transaction.wasCommitted { ended.committed += 1 } else { ended.rolledBack += 1 }
                        return ended.committed >= 20 && ended.rolledBack >= 5
                    }
                    if isEnough { signal.finish() }
                }
            }
            for await _ in enough {}
            writing.cancel()
            let counts = try await writing.value
            #expect(counts.committed > 0 && counts.rolledBack > 0 && counts.discarded > counts.rolledBack)
            let found = try await connection.query(
                """
                SELECT array_agg(global_position::int8), (SELECT count(*) FROM (SELECT stream_id FROM events
                    GROUP BY stream_id HAVING count(*) <> max(stream_version)) AS broken),
                    (SELECT sum(version)::int8 FROM streams), (SELECT last_value FROM events_global_position_seq)
                FROM events
                """
            )
            let positions = try found.int64Array(0, 0)
            #expect(positions.count == counts.appended)
            #expect(Set(positions.map { GlobalPosition($0) }) == committed.withLock { $0 })
            #expect(try found.int64(0, 1) == 0)
            #expect(try found.int64(0, 2) == Int64(counts.appended))
            // Whatever was rolled back has left a hole.
            #expect(try found.int64(0, 3) >= Int64(counts.appended + counts.discarded))
            await connection.close()
        }
    }

    @Test("keep to their rate") func keepsPace() async throws {
        try await TestDatabase.with { database in
            let connection = try await database.connect()
            try await connection.executeScript(SampleStoreTables.ddl(payload: "jsonb"))
            let counts = try await LiveWriters(
                writers: 2,
                rate: 50,
                transactionTime: .milliseconds(1),
                duration: .seconds(1)
            ).run(connect: { try await database.connect() })
            // Behind it may fall on a busy machine, ahead it must not run.
            #expect(counts.appended > 0 && counts.appended <= 52)
            #expect(counts.appended == counts.committed)
            await connection.close()
        }
    }

    @Test("keep as many sessions beating as asked for, each in a stream of its own") func keepsSessions() async throws {
        try await TestDatabase.with { database in
            let connection = try await database.connect()
            try await connection.executeScript(SampleStoreTables.ddl(payload: "json"))
            let writers = LiveWriters(writers: 1, rate: 1, transactionTime: .zero, sessions: 30)
            let run = Task { try await writers.run(connect: { try await database.connect() }) }
            // All have begun, and at least one has been heard of again.
            try await wait(for: "the sessions to beat", within: .seconds(60)) {
                let found = try await connection.query(
                    """
                    SELECT count(*) FILTER (WHERE event_type = 'streaming.started') >= 30
                       AND count(*) FILTER (WHERE event_type = 'streaming.heartbeat') > 0 FROM events
                    """
                )
                return try found.bool(0, 0)
            }
            run.cancel()
            let counts = try await run.value
            let found = try await connection.query(
                """
                SELECT count(*), count(*) FILTER (WHERE event_type LIKE 'streaming.%'
                       AND stream_id <> 'session-' || (event_data ->> 'session_id')),
                   count(*) FILTER (WHERE event_type = 'streaming.started')
                       - count(*) FILTER (WHERE event_type = 'streaming.ended') FROM events
                """
            )
            #expect(try found.int64(0, 0) == Int64(counts.appended))
            #expect(try found.int64(0, 1) == 0)
            // A session that fell silent has ended without a word.
            #expect(try found.int64(0, 2) >= 20)
            await connection.close()
        }
    }

    @Test("stop on cancellation, with nothing left open") func stops() async throws {
        try await TestDatabase.with { database in
            let connection = try await database.connect()
            try await connection.executeScript(SampleStoreTables.ddl(payload: "json"))
            let writers = LiveWriters(writers: 3, rate: nil, rollback: 0.1, transactionTime: .seconds(2))
            let run = Task { try await writers.run(connect: { try await database.connect() }) }
            try await wait(for: "the writers are in the middle of transactions") {
                let position = try await connection.query("SELECT last_value FROM events_global_position_seq")
                return try position.int64(0, 0) > 3
            }
            run.cancel()
            let counts = try await run.value
            let found = try await connection.query("SELECT count(*) FROM events")
            #expect(try found.int64(0, 0) == Int64(counts.appended))
            try await wait(for: "the writers' sessions are gone") {
                let sessions = try await connection.query(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                )
                return try sessions.int64(0, 0) == 1
            }
            await connection.close()
        }
    }
}
