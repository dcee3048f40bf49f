internal import EventStore
internal import Postgres
internal import Refold

/// One live writer: performs its plans one after the other at its pace.
struct LiveWriter: Sendable {
    /// Ends a transaction that is to be rolled back.
    private struct PlannedRollback: Error {
        let positions: [GlobalPosition]
    }

    private let insertion: String
    private let insertionAlone: String
    private let reservation: String

    init(store: EventStoreSettings) {
        func insertion(_ version: String) -> String {
            """
            INSERT INTO \(store.events)
            (event_id, stream_id, stream_version, event_type, event_data, metadata, "timestamp")
            VALUES ($1, $2, \(version), $3, $4, $5, clock_timestamp()) RETURNING global_position::int8
            """
        }
        self.insertion = insertion("$6::int8")
        insertionAlone = """
            WITH stream AS (
                INSERT INTO \(store.streams) AS s (stream_id, version, last_updated)
                VALUES ($2, 1, clock_timestamp())
                ON CONFLICT (stream_id) DO UPDATE SET version = s.version + 1, last_updated = excluded.last_updated
                RETURNING version
            )
            \(insertion("(SELECT version FROM stream)"))
            """
        // All streams of a transaction at once and in the order of their names: two writers never deadlock.
        reservation = """
            INSERT INTO \(store.streams) AS s (stream_id, version, last_updated)
            SELECT name, count(*), clock_timestamp() FROM unnest($1::text[]) AS names (name) GROUP BY name ORDER BY name
            ON CONFLICT (stream_id)
            DO UPDATE SET version = s.version + excluded.version, last_updated = excluded.last_updated
            RETURNING stream_id, version::int8
            """
    }

    /// - Parameter pace: the time per event; a writer that falls behind by more than a second does not make up for it.
    func run(
        _ plans: LivePlans,
        pace: Duration,
        until deadline: ContinuousClock.Instant?,
        connect: @Sendable () async throws -> PostgresConnection,
        ended: @Sendable (LiveTransaction) -> Void
    ) async throws -> LiveCounts {
        try await PostgresConnection.with(connect()) { connection in
            try await write(plans, pace: pace, until: deadline, on: connection, ended: ended)
        }
    }

    private func write(
        _ plans: LivePlans,
        pace: Duration,
        until deadline: ContinuousClock.Instant?,
        on connection: PostgresConnection,
        ended: @Sendable (LiveTransaction) -> Void
    ) async throws -> LiveCounts {
        let clock = ContinuousClock()
        var counts = LiveCounts()
        var plans = plans
        var due = clock.now
        do {
            while !Task.isCancelled {
                if let deadline, max(due, clock.now) >= deadline { break }
                if due > clock.now { try await clock.sleep(until: due, tolerance: .zero) }
                let plan = plans.next()
                let positions = try await perform(plan, on: connection)
                counts.count(plan, wasRefused: positions == nil)
                if let positions { ended(LiveTransaction(positions: positions, wasCommitted: !plan.isRolledBack)) }
                due = max(due, clock.now - .seconds(1)) + pace * (plan.events.count + plan.discardedFirst)
            }
        } catch  where Task.isCancelled {
            // The transaction under way was rolled back, or never began.
        }
        return counts
    }

    /// Keeps viewing sessions beating: one statement for each of their events, spread over the second it belongs to. One
    /// that falls behind by more than a second goes on from the present.
    func beat(
        _ sessions: SampleEvents,
        until deadline: ContinuousClock.Instant?,
        connect: @Sendable () async throws -> PostgresConnection,
        ended: @Sendable (LiveTransaction) -> Void
    ) async throws -> LiveCounts {
        try await PostgresConnection.with(connect()) { connection in
            let clock = ContinuousClock()
            var (sessions, counts) = (sessions, LiveCounts())
            var second = clock.now
            do {
                while !Task.isCancelled {
                    let events = sessions.nextSecond()
                    for (place, event) in events.enumerated() {
                        let due = second + .seconds(1) * place / events.count
                        if let deadline, max(due, clock.now) >= deadline { return counts }
                        if due > clock.now { try await clock.sleep(until: due, tolerance: .zero) }
                        let plan = LivePlan(event, of: sessions.name(of: event.stream))
                        let positions = try await perform(plan, on: connection)
                        counts.count(plan, wasRefused: positions == nil)
                        if let positions { ended(LiveTransaction(positions: positions, wasCommitted: true)) }
                    }
                    second = max(second + .seconds(1), clock.now - .seconds(1))
                    if let deadline, max(second, clock.now) >= deadline { return counts }
                    if second > clock.now { try await clock.sleep(until: second, tolerance: .zero) }
                }
            } catch  where Task.isCancelled {
                // The event under way was rolled back, or never sent.
            }
            return counts
        }
    }

    /// The positions of the plan's events, or nil when the server ended the transaction for the sake of others.
    private func perform(_ plan: LivePlan, on connection: PostgresConnection) async throws -> [GlobalPosition]? {
        do {
            if plan.events.count == 1, plan.pause == .zero, !plan.isRolledBack {
                return [try await appendAlone(plan.events[0], on: connection)]
            }
            return try await connection.transaction { try await append(plan, on: $0) }
        } catch let rollback as PlannedRollback {
            return rollback.positions
        } catch let error as PostgresError
            where error.sqlState == .serializationFailure || error.sqlState == .deadlockDetected
        {
            return nil
        }
    }

    /// One event in one statement: between the drawing of its position and the commit nothing waits for the client.
    private func appendAlone(_ item: LivePlan.Item, on connection: PostgresConnection) async throws -> GlobalPosition {
        GlobalPosition(try await connection.query(insertionAlone, item.parameters).int64(0, 0))
    }

    private func append(_ plan: LivePlan, on connection: isolated PostgresConnection) async throws -> [GlobalPosition] {
        let reserved = try connection.query(reservation, [.textArray(plan.events.map(\.stream))])
        var newest: [String: Int64] = [:]
        for row in 0..<reserved.count { newest[try reserved.text(row, 0)] = try reserved.int64(row, 1) }
        if plan.discardedFirst > 0 {
            try connection.executeScript("SAVEPOINT first_try")
            for item in plan.events.prefix(plan.discardedFirst) {
                // Versions that no event has: the next writer to reserve the stream waits for this transaction to end.
                newest[item.stream, default: 0] += 1
                _ = try await insert(item, version: newest[item.stream] ?? 0, then: plan.pause, on: connection)
            }
            try connection.executeScript("ROLLBACK TO SAVEPOINT first_try")
            for item in plan.events.prefix(plan.discardedFirst) { newest[item.stream, default: 0] -= 1 }
        }
        var left: [String: Int64] = [:]
        for item in plan.events { left[item.stream, default: 0] += 1 }
        var positions: [GlobalPosition] = []
        for item in plan.events {
            left[item.stream, default: 0] -= 1
            let version = (newest[item.stream] ?? 0) - (left[item.stream] ?? 0)
            positions.append(try await insert(item, version: version, then: plan.pause, on: connection))
        }
        if plan.isRolledBack { throw PlannedRollback(positions: positions) }
        return positions
    }

    private func insert(
        _ item: LivePlan.Item,
        version: Int64,
        then pause: Duration,
        on connection: isolated PostgresConnection
    ) async throws -> GlobalPosition {
        let position = try connection.query(insertion, item.parameters + [.int64(version)]).int64(0, 0)
        if pause > .zero { try await Task.sleep(for: pause, tolerance: .zero) }
        return GlobalPosition(position)
    }
}

extension LiveCounts {
    fileprivate mutating func count(_ plan: LivePlan, wasRefused: Bool) {
        guard !wasRefused else { return refused += 1 }
        discarded += plan.discardedFirst
        if plan.isRolledBack {
            rolledBack += 1
            discarded += plan.events.count
        } else {
            committed += 1
            appended += plan.events.count
        }
    }
}
