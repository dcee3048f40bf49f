package import Postgres
package import Refold
internal import Synchronization

/// An event that appeared at a position which had been passed.
package struct LateEvent: Sendable, Hashable, CustomStringConvertible {
    /// The log it appeared in.
    package let log: LogID
    /// Where it appeared.
    package let position: GlobalPosition
    /// When it was found, by the server's clock.
    package let foundAt: Timestamp

    /// `late event at P`, as the error and `status` say it.
    package var description: String { "late event at \(position)" }

    /// The same as an error.
    package var error: EventStoreError {
        EventStoreError(
            .lateEvent,
            description,
            remedy: "some writer inserts positions that it drew in an earlier transaction; stop that, then rebuild",
            position: position
        )
    }
}

/// When gaps are checked again after they were passed.
package struct RecheckSchedule: Sendable, Hashable {
    /// The times since the gap was passed, ascending. Default one minute and one hour.
    package let delays: [Duration]

    /// No gap is checked later than this; and the server's clock has an end.
    private static let longest: Duration = .seconds(100 * 366 * 86_400)

    /// - Parameter delays: in any order; negative ones count as none, those of more than a hundred years as a hundred.
    package init(delays: [Duration] = [.seconds(60), .seconds(3_600)]) {
        self.delays = delays.map { min(max($0, .zero), Self.longest) }.sorted()
    }

    /// For SQL: microseconds.
    var microseconds: [Int64] {
        delays.map { $0.components.seconds * 1_000_000 + $0.components.attoseconds / 1_000_000_000_000 }
    }
}

/// Checks again the gaps that were passed as dead: a writer that draws a position in one transaction and inserts it in
/// a later one holds no lock in between, and nothing else can find its event.
///
/// Works on a connection of its own. Gaps wait in `refold.holes`, so a restart does not forget them.
package final class GapRecheck: Sendable {
    private let connection: PostgresConnection
    private let store: ValidatedStore
    private let log: LogID
    private let schedule: RecheckSchedule
    private let pending = Mutex<[GapLog]>([])

    /// - Parameters:
    ///   - connection: a connection that nobody else uses; it needs no planner settings.
    ///   - store: the store, as inspected.
    ///   - log: which log it holds.
    package init(
        _ connection: PostgresConnection,
        _ store: ValidatedStore,
        log: LogID,
        schedule: RecheckSchedule = RecheckSchedule()
    ) {
        self.connection = connection
        self.store = store
        self.log = log
        self.schedule = schedule
    }

    /// Notes gaps once the checkpoint behind them has committed. The next `step` records them; this does not wait
    /// unless many readers pass scattered gaps.
    package func passed(_ holes: GapLog) async throws(EventStoreError) {
        guard !holes.stretches.isEmpty else { return }
        let isFull = pending.withLock { pending in
            if let last = pending.last, holes.stretches.allSatisfy({ $0.after >= last.through }) {
                pending[pending.count - 1].pass(holes)
            } else {
                pending.append(holes)
            }
            return pending.count > 64
        }
        if isFull { try await write(on: connection) }
    }

    /// Takes over what another recheck, whose connection is lost, has not recorded.
    package func takeOver(from other: GapRecheck) {
        let holes = other.pending.withLock { pending in
            defer { pending = [] }
            return pending
        }
        pending.withLock { $0 = holes + $0 }
    }

    /// Notes the gaps in a range behind the mark, in case their passing was not recorded. Once, at startup.
    package func passed(behind mark: GlobalPosition, positions: Int64 = 10_000) async throws(EventStoreError) {
        let holes = try await holes(
            after: GlobalPosition(max(0, mark.rawValue - max(0, positions))),
            through: mark,
            on: connection
        )
        try await passed(holes)
    }

    /// Records what was passed and checks the gaps that are due.
    ///
    /// - Returns: events found at passed positions, which are also kept in `refold.late_events`.
    package func step() async throws(EventStoreError) -> [LateEvent] {
        try await write(on: connection)
        do {
            return try await connection.transaction { [self] connection in try look(connection) }
        } catch let error as PostgresError {
            throw .database("checking passed gaps", error)
        } catch {
            throw EventStoreError(.database, "checking passed gaps failed: \(error)", cause: error)
        }
    }

    // MARK: Late events that were found

    /// The late events that were found and not forgotten, of every log that had the name; the oldest log and position
    /// first; at most 1,000.
    package static func found(
        _ connection: isolated PostgresConnection,
        _ settings: EventStoreSettings
    ) throws(EventStoreError) -> [LateEvent] {
        do {
            let rows = try connection.query(
                """
                SELECT e.log_id, e.position, e.found_at FROM refold.late_events e JOIN refold.logs l ON l.id = e.log_id
                WHERE l.log = $1 ORDER BY e.log_id, e.position LIMIT 1000
                """,
                [.text(settings.log)]
            )
            var events: [LateEvent] = []
            for row in 0..<rows.count {
                events.append(
                    LateEvent(
                        log: LogID(rawValue: try rows.int64(row, 0)),
                        position: GlobalPosition(try rows.int64(row, 1)),
                        foundAt: Timestamp(microseconds: try rows.timestamp(row, 2))
                    )
                )
            }
            return events
        } catch {
            throw .database("reading late events", error)
        }
    }

    // MARK: On the connection's executor

    private func write(on connection: isolated PostgresConnection) throws(EventStoreError) {
        guard let first = schedule.microseconds.first else { return }
        let holes = pending.withLock { pending in
            defer { pending = [] }
            return pending
        }
        let stretches = holes.flatMap(\.stretches)
        guard !stretches.isEmpty else { return }
        do {
            try connection.execute(
                """
                INSERT INTO refold.holes (log_id, after, through, events, due_at)
                SELECT $1, s.after, s.through, s.events, now() + $5 * interval '1 microsecond'
                FROM unnest($2, $3, $4) s (after, through, events)
                ON CONFLICT DO NOTHING
                """,
                [
                    .int64(log.rawValue), .int64Array(stretches.map(\.after.rawValue)),
                    .int64Array(stretches.map(\.through.rawValue)), .int64Array(stretches.map(\.events)),
                    .int64(first),
                ]
            )
        } catch {
            // Kept for the next step; what was passed meanwhile comes after it.
            pending.withLock { pending in pending = holes + pending }
            throw .database("recording passed gaps", error)
        }
    }

    private func holes(
        after: GlobalPosition,
        through: GlobalPosition,
        on connection: isolated PostgresConnection
    ) throws(EventStoreError) -> GapLog {
        do {
            let rows = try connection.query(
                """
                SELECT e.global_position::bigint FROM \(store.settings.events) e
                WHERE e.global_position > $1 AND e.global_position <= $2 ORDER BY e.global_position
                """,
                [.int64(after.rawValue), .int64(through.rawValue)]
            )
            var holes = GapLog(after: after)
            for row in 0..<rows.count { holes.pass(GlobalPosition(try rows.int64(row, 0))) }
            holes.pass(emptyThrough: through)
            return holes
        } catch {
            throw .database("reading the range behind the mark", error)
        }
    }

    /// Counts the events in the gaps that are due, reports those beyond the earlier count, and sets the time of the
    /// next check.
    private func look(_ connection: isolated PostgresConnection) throws -> [LateEvent] {
        let log = PostgresValue.int64(self.log.rawValue)
        // The LIMIT ends each count at the first event too many, and keeps it short in ranges that hold many.
        let due = try connection.query(
            """
            SELECT h.after, h.through, h.events, (
                SELECT count(*) FROM (
                    SELECT FROM \(store.settings.events) e
                    WHERE e.global_position > h.after AND e.global_position <= h.through LIMIT h.events + 1
                ) x
            ) AS found
            FROM refold.holes h WHERE h.log_id = $1 AND h.due_at <= now()
            ORDER BY h.due_at LIMIT 1000 FOR UPDATE SKIP LOCKED
            """,
            [log]
        )
        guard !due.isEmpty else { return [] }
        var stretches: [PositionRange] = []
        var late: [GlobalPosition] = []
        for row in 0..<due.count {
            var stretch = PositionRange(
                after: GlobalPosition(try due.int64(row, "after")),
                through: GlobalPosition(try due.int64(row, "through")),
                events: try due.int64(row, "events")
            )
            if try due.int64(row, "found") > stretch.events {
                late += try newcomers(&stretch, connection)
            }
            stretches.append(stretch)
        }
        let keys: [PostgresValue] = [
            log, .int64Array(stretches.map(\.after.rawValue)), .int64Array(stretches.map(\.through.rawValue)),
        ]
        try connection.execute(
            """
            DELETE FROM refold.holes h USING unnest($2, $3) s (after, through)
            WHERE h.log_id = $1 AND h.after = s.after AND h.through = s.through AND h.looks + 1 >= $4
            """,
            keys + [.int64(Int64(schedule.delays.count))]
        )
        try connection.execute(
            """
            UPDATE refold.holes h
            SET looks = looks + 1, events = s.events, due_at = passed_at + ($5)[looks + 2] * interval '1 microsecond'
            FROM unnest($2, $3, $4) s (after, through, events)
            WHERE h.log_id = $1 AND h.after = s.after AND h.through = s.through
            """,
            keys + [.int64Array(stretches.map(\.events)), .int64Array(schedule.microseconds)]
        )
        guard !late.isEmpty else { return [] }
        let found = try connection.query(
            """
            INSERT INTO refold.late_events (log_id, position) SELECT $1, p FROM unnest($2) p
            ON CONFLICT (log_id, position) DO UPDATE SET found_at = late_events.found_at
            RETURNING position, found_at
            """,
            [log, .int64Array(Set(late).map(\.rawValue))]
        )
        return try (0..<found.count).map { row in
            LateEvent(
                log: self.log,
                position: GlobalPosition(try found.int64(row, 0)),
                foundAt: Timestamp(microseconds: try found.timestamp(row, 1))
            )
        }.sorted { $0.position < $1.position }
    }

    /// The events of a range that were not there when it was passed; their number is added to the record.
    ///
    /// In a range that held others they are those of the youngest transactions. At most 1,000; one is error enough, and
    /// a gap that was filled entirely is not read to its end.
    private func newcomers(
        _ stretch: inout PositionRange,
        _ connection: isolated PostgresConnection
    ) throws -> [GlobalPosition] {
        let bounds: [PostgresValue] = [.int64(stretch.after.rawValue), .int64(stretch.through.rawValue)]
        let limit = stretch.events + 1_000
        let found = """
            SELECT e.global_position::bigint AS position, age(e.xmin) AS age FROM \(store.settings.events) e
            WHERE e.global_position > $1 AND e.global_position <= $2 ORDER BY e.global_position LIMIT \(limit)
            """
        let count = try connection.query("SELECT count(*) FROM (\(found)) x", bounds).int64(0, 0)
        let rows = try connection.query(
            "SELECT x.position FROM (\(found)) x ORDER BY x.age, 1 LIMIT \(count - stretch.events)",
            bounds
        )
        stretch.events = count
        return try (0..<rows.count).map { GlobalPosition(try rows.int64($0, 0)) }
    }
}
