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
        var status = try await generationStates(on: connection)
        do {
            let store = try await StoreInspection.inspect(connection, settings.store)
            let log = try await readLog(of: store, into: &status.store, connection)
            if let log {
                try await compareLogs(&status, FoldedLog(store: store, id: log.id, firstEvent: nil), connection)
            }
        } catch let error as EventStoreError {
            guard error.code != .database else { throw error }
            status.store.problem = error
        }
        if status.store.problem == nil {
            // What is applied was below the mark, even if this look at it did not find out.
            status.store.mark = max(status.store.mark, status.projections.map(\.position).max() ?? .zero)
        }
        for index in status.projections.indices {
            status.projections[index].mark = status.store.mark
            status.projections[index].lagTime = try await lagTime(status.projections[index], status.store, connection)
            if status.projections[index].state == .live, status.projections[index].cause == nil,
                status.projections[index].lag > 0
            {
                status.projections[index].cause = "nobody keeps it up with the log: start refold tail"
            }
        }
        try await addCacheStates(to: &status, connection)
        return status
    }

    /// Compares what the live generations were folded from with the log as it is.
    private func compareLogs(
        _ status: inout Status,
        _ folded: FoldedLog,
        _ connection: PostgresConnection
    ) async throws {
        for index in status.projections.indices {
            guard let live = status.projections[index].live,
                let generation = try await GenerationStore(connection).generation(live)
            else { continue }
            do {
                try await folded.requireSame(generation, on: connection)
            } catch let error as EventStoreError where error.isOfAnotherLog {
                status.projections[index].cause = "\(error.message): \(error.remedy ?? "rebuild it")"
                status.store.problem = error
            }
        }
    }

    private func addCacheStates(to status: inout Status, _ connection: PostgresConnection) async throws {
        guard let cache else { return }
        var unreachable: CacheStatus?
        for index in status.projections.indices {
            let name = status.projections[index].name
            // A server that did not answer once is not waited for again.
            let isCached = cache.holds(name)
            let known = isCached ? unreachable : nil
            let found = if let known { known } else { await cache.status(of: name, on: connection) }
            if isCached && found.isUnreachable { unreachable = found }
            status.projections[index].cache = found.state.rawValue
            status.projections[index].cacheError = found.error
        }
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
        } catch {
            guard error.code != .database else { throw error }
            status.problem = error
        }
        status.lateEvents = try await LateEventStore(connection).positionsMissedByLive(in: settings.store.log)
        let probe = HighWaterMarkProbe(connection, store, from: log?.mark ?? .zero)
        var sample = try await probe.sample()
        // A first look knows of every writer only that it may hold all back; those of the moment are gone soon.
        for _ in 0..<10 where sample.hold != nil {
            try await Task.sleep(for: .milliseconds(2))
            sample = try await probe.sample()
        }
        status.position = sample.lastValue
        status.mark = sample.mark
        if let hold = sample.hold { status.hold = try await lasting(hold, probe) }
        return log
    }

    private var emptyStoreStatus: StoreStatus {
        StoreStatus(
            table: "\(settings.store.schema).\(settings.store.eventsTable)",
            position: .zero,
            mark: .zero,
            batchSize: settings.batchSize.count,
            lateEvents: []
        )
    }

    /// Transactions that write come and go; only one that has been open for a second is worth a word.
    private func lasting(
        _ hold: BlockedMark,
        _ probe: HighWaterMarkProbe
    ) async throws -> BlockingTransaction.Details? {
        let details = try await probe.details(of: hold)
        if let age = details?.age, age < .seconds(1) { return nil }
        return details
    }

    /// The age of the oldest event that is not applied yet.
    private func lagTime(
        _ projection: ProjectionStatus,
        _ store: StoreStatus,
        _ connection: PostgresConnection
    ) async throws -> Duration? {
        guard store.problem == nil, store.mark > projection.position else { return .zero }
        let oldest = try await connection.query(
            """
            SELECT CASE WHEN isfinite("timestamp")
                        THEN (extract(epoch FROM clock_timestamp() - "timestamp"::timestamptz) * 1000)::bigint END
              FROM \(quoteIdentifier(settings.store.schema, settings.store.eventsTable))
             WHERE global_position > $1 AND global_position <= $2 ORDER BY global_position LIMIT 1
            """,
            [.int64(projection.position.rawValue), .int64(store.mark.rawValue)]
        )
        guard let row = oldest.rows.first else { return .zero }
        return try row.optionalInt64(0).map { .milliseconds(max(0, $0)) }
    }

    // MARK: The generations

    private func generationStates(on connection: PostgresConnection) async throws -> Status {
        var states: [ProjectionStatus] = []
        for projection in projections {
            let pointer = try await PointerStore(connection).pointer(of: projection.name)
            let rows = try await connection.query(
                Self.generationSQL,
                [.text(projection.name.rawValue), .optional(pointer.live?.rawValue)]
            )
            var state = ProjectionStatus(
                name: projection.name,
                position: .zero,
                mark: .zero,
                state: .empty,
                deadLetters: 0,
                cache: "off"
            )
            for row in rows.rows {
                if GenerationNumber(try row.int64("generation")) == pointer.live {
                    try state.read(live: row, identity: identity(of: projection))
                } else if state.building == nil {
                    state.building = try BuildingStatus(row)
                }
            }
            if state.building?.owner != nil, [.live, .empty].contains(state.state) { state.state = .rebuilding }
            if state.cause == nil { state.cause = state.building?.waitingFor }
            states.append(state)
        }
        return Status(store: emptyStoreStatus, projections: states)
    }

    /// The live generation and unfinished ones, newest first.
    private static let generationSQL = """
        SELECT g.generation, g.version, g.identity, g.state, g.phase, g.target, g.stopped_at, g.cause, g.last_error,
               g.last_error_at, g.readable_at, c.position, c.rate, \(Ownership.columns),
               o.waiting_for ->> '' AS common_wait,
               (SELECT coalesce(g.waiting_for, min(t.waiting_for ->> g.projection)) FROM refold.owners t
                 WHERE t.renewed_at + t.lease_milliseconds * interval '1 ms' >= clock_timestamp()
                HAVING count(*) > 0) AS own_wait,
               (SELECT count(*) FROM refold.dead_letters d WHERE d.generation = g.generation) AS dead_letters
          FROM refold.generations g JOIN refold.checkpoints c USING (generation)
          LEFT JOIN refold.owners o ON o.id = c.owner
         WHERE g.projection = $1 AND (g.generation = $2 OR g.state IN ('building', 'ready'))
         ORDER BY g.generation DESC
        """
}

extension ProjectionStatus {
    fileprivate mutating func read(live row: PostgresRow, identity: GenerationIdentity) throws {
        live = GenerationNumber(try row.int64("generation"))
        // What is built in memory nobody can read yet, however far it is.
        let isReadable = try row.optionalTimestamp("readable_at") != nil
        position = isReadable ? GlobalPosition(try row.int64("position")) : .zero
        if !isReadable && building == nil { building = try BuildingStatus(row) }
        owner = try Owner(row)
        rate = owner == nil ? nil : try row.optionalDouble("rate")
        deadLetters = try row.int64("dead_letters")
        cause = try row.optionalText("cause")
        if let message = try row.optionalText("last_error"), let at = try row.optionalTimestamp("last_error_at") {
            lastError = LastError(message: message, at: Timestamp(microseconds: at))
        }
        state = cause != nil ? .stopped : owner != nil ? .tailing : .live
        if cause == nil { cause = try row.wait(of: owner) }
        if state != .stopped, identity.match(try row.text("identity")) == .other {
            cause =
                "it was folded by version \(try row.int32("version")), with other tables or with other settings: rebuild"
        }
    }
}

extension BuildingStatus {
    fileprivate init(_ row: PostgresRow) throws {
        owner = try Owner(row)
        waitingFor = try row.wait(of: owner)
        generation = GenerationNumber(try row.int64("generation"))
        position = GlobalPosition(try row.int64("position"))
        target = try row.optionalInt64("target").map { GlobalPosition($0) }
        state = try row.text("state")
        phase = try row.text("phase")
        rate = owner == nil ? nil : try row.optionalDouble("rate")
    }
}

extension PostgresRow {
    /// Why a generation does not get on for the time being: what interrupts those who try, or what their sessions wait
    /// for, as long as any of them lives.
    fileprivate func wait(of owner: Owner?) throws -> String? {
        try optionalText("own_wait") ?? (owner == nil ? nil : optionalText("common_wait"))
    }
}

extension Owner {
    /// The owner in a row of ``Engine/generationSQL``'s shape; nil for none, and for one that is gone.
    fileprivate init?(_ row: PostgresRow) throws {
        guard try row.optionalText("lease_id") != nil else { return nil }
        let ownership = try Ownership(row)
        guard ownership.seemsAlive else { return nil }
        self = ownership.owner
    }
}
