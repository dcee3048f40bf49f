internal import EventStore
internal import Postgres
internal import Refold

extension Engine {
    /// How everything stands, from the two servers alone; changes nothing.
    ///
    /// A store that cannot be read is no error here: ``StoreStatus/problem`` says what is the matter.
    ///
    /// - Throws: an unreachable server, ``EngineError/Code/notMigrated``.
    public func status() async throws -> Status {
        try await withConnection(for: "status") { connection in
            try await requireMigration(on: connection)
            return try await status(on: connection)
        }
    }

    /// The same on a session that is kept, for looking again and again.
    func status(on connection: PostgresConnection) async throws -> Status {
        var projections = try await projectionStates(on: connection)
        var store = StoreStatus(
            table: "\(settings.store.schema).\(settings.store.eventsTable)",
            position: .zero,
            mark: .zero,
            batchSize: settings.batchSize.count,
            lateEvents: []
        )
        do {
            let validated = try await StoreInspection.inspect(connection, settings.store)
            if let log = try await readLog(of: validated, into: &store, connection) {
                let folded = FoldedLog(store: validated, id: log.id, firstEvent: nil)
                for index in projections.indices {
                    guard let contradiction = try await contradiction(projections[index].live, to: folded, connection)
                    else { continue }
                    projections[index].note(contradiction)
                    store.problem = contradiction
                }
            }
        } catch let error as EventStoreError {
            guard error.code != .database else { throw error }
            store.problem = error
        }
        if store.problem == nil {
            // What is applied was below the mark, even if this look at it did not find out.
            store.mark = max(store.mark, projections.map(\.position).max() ?? .zero)
        }
        for index in projections.indices {
            let lagTime = try await lagTime(behind: projections[index].position, store, connection)
            projections[index].compare(with: store.mark, lagTime: lagTime)
        }
        await addCacheStates(to: &projections, connection)
        var relays = try await RelayStore.all(on: connection)
        for index in relays.indices { relays[index].mark = store.mark }
        let outbox = try await outboxState(on: connection)
        return Status(store: store, projections: projections, relays: relays, outbox: outbox)
    }

    // MARK: The projections

    private func projectionStates(on connection: PostgresConnection) async throws -> [ProjectionStatus] {
        var states: [ProjectionStatus] = []
        for projection in projections {
            let live = try await PointerStore(connection).pointer(of: projection.name).live
            let records = try await GenerationStore(connection).records(of: projection.name, live: live)
            let identity = identity(of: projection)
            var state = ProjectionStatus(projection.name, live: live, records, identity: identity)
            if projection.emits { state.note(try await EmitterStore(connection).emitter(of: projection.name)) }
            states.append(state)
        }
        return states
    }

    /// How the log, as it is, contradicts what a live generation was folded from; nil when it does not.
    private func contradiction(
        _ live: GenerationNumber?,
        to log: FoldedLog,
        _ connection: PostgresConnection
    ) async throws -> EventStoreError? {
        guard let live, let generation = try await GenerationStore(connection).generation(live) else { return nil }
        do {
            try await log.requireSame(generation, on: connection)
            return nil
        } catch let error as EventStoreError where error.isOfAnotherLog {
            return error
        }
    }

    private func addCacheStates(to projections: inout [ProjectionStatus], _ connection: PostgresConnection) async {
        guard let cache else { return }
        var unreachable: CacheStatus?
        for index in projections.indices {
            let name = projections[index].name
            // A server that did not answer once is not waited for again.
            let isCached = cache.holds(name)
            let known = isCached ? unreachable : nil
            let found = if let known { known } else { await cache.status(of: name, on: connection) }
            if isCached && found.isUnreachable { unreachable = found }
            projections[index].note(found)
        }
    }

    /// The age of the oldest event that is not applied yet.
    private func lagTime(
        behind position: GlobalPosition,
        _ store: StoreStatus,
        _ connection: PostgresConnection
    ) async throws -> Duration? {
        guard store.problem == nil, store.mark > position else { return .zero }
        let oldest = try await connection.query(
            Self.oldestAgeSQL(in: quoteIdentifier(settings.store.schema, settings.store.eventsTable)),
            [.int64(position.rawValue), .int64(store.mark.rawValue)]
        )
        guard let row = oldest.rows.first else { return .zero }
        return try row.optionalInt64(0).map { .milliseconds(max(0, $0)) }
    }

    private static func oldestAgeSQL(in events: String) -> String {
        """
        SELECT CASE WHEN isfinite("timestamp")
                    THEN (extract(epoch FROM clock_timestamp() - "timestamp"::timestamptz) * 1000)::bigint END
          FROM \(events) WHERE global_position > $1 AND global_position <= $2 ORDER BY global_position LIMIT 1
        """
    }

    // MARK: The outbox

    private func outboxState(on connection: PostgresConnection) async throws -> OutboxStatus? {
        guard emits else { return nil }
        return OutboxStatus(
            try await OutboxStore(connection, log: settings.store.log).backlog(),
            try await AppenderStore(connection, log: settings.store.log).record()
        )
    }

    // MARK: The store

    /// - Returns: what is known of the log; nil when nothing was read of it, or when it is another one.
    private func readLog(
        of store: ValidatedStore,
        into status: inout StoreStatus,
        _ connection: PostgresConnection
    ) async throws -> KnownLog? {
        status.payload = store.payloadFormat.rawValue
        var log: KnownLog?
        do throws(EventStoreError) {
            log = try await LogIdentityStore.verify(connection, store, adopting: false)
            try await StoreInspection.requireSequenceAhead(connection, store)
        } catch {
            guard error.code != .database else { throw error }
            status.problem = error
        }
        status.lateEvents = try await LateEventStore(connection).positionsMissedByLive(in: settings.store.log)
        let probe = HighWaterMarkProbe(connection, store, from: log?.mark ?? .zero)
        var sample = try await probe.sample()
        // A first look knows of every writer only that it may hold the mark back; short-lived ones are gone soon.
        for _ in 0..<10 where sample.hold != nil {
            try await Task.sleep(for: .milliseconds(2))
            sample = try await probe.sample()
        }
        status.position = sample.lastValue
        status.mark = sample.mark
        if let hold = sample.hold { status.hold = try await lasting(hold, probe) }
        return log
    }

    /// Transactions that write come and go; only one that has been open for a second is worth reporting.
    private func lasting(
        _ hold: BlockedMark,
        _ probe: HighWaterMarkProbe
    ) async throws -> BlockingTransaction.Details? {
        let details = try await probe.details(of: hold)
        if let age = details?.age, age < .seconds(1) { return nil }
        return details
    }
}
