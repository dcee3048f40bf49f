internal import EventStore
internal import Logging
internal import Postgres
internal import Refold
internal import Synchronization

/// The event store, as a feed reads it: one session that samples the mark, one that reads.
///
/// After an error it is spent; the next one connects anew.
final class StoreSource: EventSource {
    let store: InspectedStore
    let storedMark: GlobalPosition
    private let probe: HighWaterMarkProbe
    private let reader: EventReader
    private let pacing: TickPacing
    private let state: Mutex<State>
    private let logger: Logger

    private struct State {
        var mark: GlobalPosition
        var storedAt: ContinuousClock.Instant?
        var reportedHold: GlobalPosition?
        var lastTick: Tick?
    }

    private init(
        probe: HighWaterMarkProbe,
        reader: EventReader,
        storedMark: GlobalPosition,
        idle: Duration,
        logger: Logger
    ) {
        self.probe = probe
        self.reader = reader
        self.storedMark = storedMark
        self.logger = logger
        store = reader.store
        pacing = TickPacing(idle: idle)
        state = Mutex(State(mark: storedMark))
    }

    /// Connects twice, checks the store on both sessions, and that the log is the one that was read before.
    static func open(_ engine: Engine) async throws -> StoreSource {
        async let probing = engine.connect(for: "mark")
        async let reading = engine.connect(for: "read")
        let (probeConnection, readConnection) = try await (probing, reading)
        let settings = engine.settings
        let store = try await StoreInspection.inspect(probeConnection, settings.store)
        _ = try await StoreInspection.inspect(readConnection, settings.store)
        let mark = try await probeConnection.checkedMark(of: store)
        let types = Set(engine.projections.flatMap(\.eventTypes))
        return StoreSource(
            probe: HighWaterMarkProbe(probeConnection, store, from: mark),
            reader: EventReader(
                readConnection,
                store,
                types: Array(types),
                options: ReadingOptions(batchSize: settings.batchSize)
            ),
            storedMark: mark,
            idle: settings.idleInterval,
            logger: engine.logger
        )
    }

    /// Ends both sessions, without waiting for it.
    func closeSoon() {
        let connections = [probe.connection, reader.connection]
        // Not a child task: closing outlives whoever is done with the source, and cannot fail.
        Task { for connection in connections { await connection.close() } }
    }

    /// The newest look at the mark, for status.
    var lastTick: Tick? { state.withLock { $0.lastTick } }

    func mark(after position: GlobalPosition) async throws -> GlobalPosition {
        let known = state.withLock { $0.mark }
        // A rebuild below the stored mark never probes.
        if known > position { return known }
        if let tick = lastTick {
            let wait = pacing.wait(after: tick, at: .now)
            if wait > .zero { try await Task.sleep(for: wait) }
        }
        let tick = try await probe.tick()
        let storesNow = state.withLock { state in
            state.lastTick = tick
            state.mark = max(state.mark, tick.mark)
            let isDue = state.storedAt.map { ContinuousClock.now - $0 > .seconds(1) } ?? true
            if isDue && tick.moved { state.storedAt = .now }
            return isDue && tick.moved
        }
        if storesNow { try await store(tick.mark) }
        if let hold = tick.hold { try await report(hold) }
        return max(known, tick.mark)
    }

    /// The mark as it is now, without waiting.
    func currentMark() async throws -> GlobalPosition {
        let tick = try await probe.tick()
        return state.withLock { state in
            state.lastTick = tick
            state.mark = max(state.mark, tick.mark)
            return state.mark
        }
    }

    nonisolated(nonsending) func read(
        after: GlobalPosition,
        through: GlobalPosition,
        deliver: (EventBlock) async throws -> Void
    ) async throws {
        try await reader.read(after: after, through: through, deliver: deliver)
    }

    /// Stores the mark, so that a rebuild below it need not wait for anybody.
    func store(_ mark: GlobalPosition) async throws {
        try await probe.connection.storeMark(mark, of: store)
        probe.store(mark)
    }

    private func report(_ hold: Hold) async throws {
        guard ContinuousClock.now - hold.since > .seconds(1) else { return }
        let isNew = state.withLock { state in
            defer { state.reportedHold = hold.position }
            return state.reportedHold != hold.position
        }
        guard isNew else { return }
        let details = try await probe.details(of: hold)
        logger.warning(
            "waiting for a transaction that may still commit an event at position \(hold.position)",
            metadata: ["holder": "\(details.map { String(describing: $0) } ?? hold.holder.virtualTransaction)"]
        )
    }
}

extension PostgresConnection {
    /// The stored mark, 0 for none.
    ///
    /// - Throws: when the log is another one or has shrunk since the mark was stored.
    fileprivate func checkedMark(of store: InspectedStore) throws -> GlobalPosition {
        guard let record = try logRecord() else { return .zero }
        let sequence = quoteIdentifier(store.sequence.schema, store.sequence.name)
        let lastValue = try query("SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM \(sequence)")
        try record.check(store.identity, lastValue: GlobalPosition(lastValue.int64(0, 0)))
        return record.mark
    }

    /// What was known about the log when its mark was last stored.
    func logRecord() throws -> LogRecord? {
        let row = try query(
            "SELECT system_identifier, timeline, database_oid, events_oid, high_water_mark FROM refold.store"
        ).rows.first
        guard let row else { return nil }
        return LogRecord(
            mark: GlobalPosition(try row.int64("high_water_mark")),
            identity: LogIdentity(
                systemIdentifier: try row.optionalInt64("system_identifier"),
                timeline: try row.int64("timeline"),
                database: UInt32(truncatingIfNeeded: try row.int64("database_oid")),
                eventsTable: UInt32(truncatingIfNeeded: try row.int64("events_oid"))
            )
        )
    }

    fileprivate func storeMark(_ mark: GlobalPosition, of store: InspectedStore) throws {
        try execute(
            """
            INSERT INTO refold.store (system_identifier, timeline, database_oid, events_oid, high_water_mark)
            VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (only_one) DO UPDATE
               SET high_water_mark = greatest(refold.store.high_water_mark, excluded.high_water_mark),
                   updated_at = clock_timestamp()
            """,
            [
                .optional(store.identity.systemIdentifier), .int64(store.identity.timeline),
                .int64(Int64(store.identity.database)), .int64(Int64(store.identity.eventsTable)),
                .int64(mark.rawValue),
            ]
        )
    }

    /// Forgets which log was read, before everything is folded again from another one.
    func forgetLog() throws {
        try execute("DELETE FROM refold.store")
    }
}
