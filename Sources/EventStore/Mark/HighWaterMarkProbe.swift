package import Postgres
package import Refold
internal import Synchronization
package import Timing

/// Samples the sequence and its lock holders on a connection to the primary, one round trip each time.
///
/// A probe lives as long as its connection and the server's run: make another one, from the verified stored mark, after
/// any error.
package final class HighWaterMarkProbe: Sendable {
    /// The connection it asks on. It may be used for other things between two samples.
    package let connection: PostgresConnection
    /// The store it watches.
    package let store: ValidatedStore

    private let state: Mutex<HighWaterMark>
    private let lastValueStatement: PostgresStatement
    private let holdersStatement: PostgresStatement
    private let contiguousSQL: String
    private let placeStatement: PostgresStatement
    /// When the table and its sequence were last checked.
    private let placeSeen: Mutex<ContinuousClock.Instant>
    private let time: TimeSource

    /// - Parameters:
    ///   - connection: a connection on which `store` was inspected.
    ///   - stored: the mark that was stored last; `.zero` when there is none.
    package convenience init(
        _ connection: PostgresConnection,
        _ store: ValidatedStore,
        from stored: GlobalPosition = .zero
    ) {
        self.init(connection, store, from: stored, time: .machine)
    }

    /// The same with a clock.
    package init(
        _ connection: PostgresConnection,
        _ store: ValidatedStore,
        from stored: GlobalPosition = .zero,
        time: TimeSource
    ) {
        self.connection = connection
        self.time = time
        placeSeen = Mutex(time.now)
        self.store = store
        state = Mutex(HighWaterMark(from: stored))
        // One statement with the run, so that both are of the same server session, whatever stands between.
        let run = ServerRun.columnsSQL(isNamed: store.serverRun.id != nil)
        lastValueStatement = PostgresStatement(store.sequence.lastValueSQL(and: run))
        // pg_locks is read whole, whatever is asked; it takes no snapshot, so its place in the order is what counts.
        holdersStatement = PostgresStatement(
            """
            SELECT virtualtransaction, pid FROM pg_locks
            WHERE locktype = 'relation' AND granted
              AND database = $1::bigint::oid AND relation = $2::bigint::oid
              AND mode IN ('RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock',
                           'ExclusiveLock', 'AccessExclusiveLock')
              AND pid IS DISTINCT FROM pg_backend_pid()
            """,
            [.int64(Int64(store.identity.database)), .int64(Int64(store.sequence.oid))]
        )
        placeStatement = StoreInspection.placeStatement(store)
        contiguousSQL = """
            SELECT e.global_position::bigint FROM \(store.settings.events) e
            WHERE e.global_position > $1 ORDER BY e.global_position LIMIT \(Self.contiguousLimit)
            """
    }

    /// How often to check that the table and its sequence are still the ones that were inspected.
    private static let placeInterval: Duration = .seconds(1)

    /// How many positions one sample follows from the mark on; enough for some milliseconds of writing.
    private static let contiguousLimit = 256

    /// Takes a sample and returns the mark.
    ///
    /// Events at or below the mark are to be read by a statement that starts after this returns.
    ///
    /// - Throws: `logShrank` when the sequence was set back, `storeChanged` when the server has recovered from a crash
    ///   or another has taken its place, or when the table or its sequence was exchanged; `database` for what the
    ///   server refuses.
    package func sample() async throws(EventStoreError) -> MarkSample {
        try await sample(on: connection)
    }

    /// Notes that a transaction begun after `position` became the mark has committed; see `HighWaterMark.store`.
    package func store(_ position: GlobalPosition) {
        state.withLock { $0.store(position) }
    }

    /// Synchronous on the connection's executor, so that samples are processed in the order in which they were taken,
    /// whoever else samples.
    private func sample(on connection: isolated PostgresConnection) throws(EventStoreError) -> MarkSample {
        let before = state.withLock { $0 }
        // Separate statements, in this order: a number at or below the last value was drawn under a lock that was taken
        // before, so its owner is among the holders or has ended. The other way round a writer could come in between.
        var statements = [lastValueStatement, holdersStatement]
        if before.hold != nil {
            statements.append(PostgresStatement(contiguousSQL, [.int64(before.mark.rawValue)]))
        }
        let looksAtPlace = time.now - placeSeen.withLock { $0 } >= Self.placeInterval
        if looksAtPlace { statements.append(placeStatement) }
        let newest: GlobalPosition
        let run: ServerRun
        var isInPlace = true
        var holders: Set<BlockingTransaction> = []
        var contiguous = before.mark
        do {
            let results = try connection.pipeline(statements)
            newest = GlobalPosition(max(0, try results[0].int64(0, 0)))
            run = try ServerRun(results[0], column: 1)
            for row in 0..<results[1].count {
                holders.insert(
                    BlockingTransaction(
                        virtualTransaction: try results[1].text(row, 0),
                        processID: try results[1].isNull(row, 1) ? nil : results[1].int32(row, 1)
                    )
                )
            }
            if looksAtPlace, let last = results.last {
                isInPlace = last.isEmpty ? false : try last.bool(0, 0)
                placeSeen.withLock { $0 = time.now }
            }
            if before.hold != nil {
                for row in 0..<results[2].count {
                    let position = GlobalPosition(try results[2].int64(row, 0))
                    guard position.rawValue - contiguous.rawValue == 1 else { break }
                    contiguous = position
                }
            }
        } catch {
            throw .database("reading the high-water mark", error)
        }
        // The stored mark has to be verified anew before anything rests on it: a standby may have lacked it.
        guard run == store.serverRun else { throw .serverRunIsOver }
        guard isInPlace else {
            throw .storeChanged("\(store.settings.events) is another table now, or its positions come from elsewhere")
        }
        let now = time.now
        return try state.withLock { (state: inout HighWaterMark) throws(EventStoreError) -> MarkSample in
            try state.observe(lastValue: newest, holders: holders, serverRun: run, at: now)
            state.advance(throughContiguous: contiguous, at: now)
            return MarkSample(
                mark: state.mark,
                lastValue: state.lastValue,
                hold: state.hold,
                moved: state.mark > before.mark
            )
        }
    }
}

// MARK: The blocking transaction

extension HighWaterMarkProbe {
    /// Asks the server about a blocking transaction: worth a query when it lasts, not at every sample.
    ///
    /// - Returns: nil when it has ended meanwhile.
    package func details(of hold: BlockedMark) async throws(EventStoreError) -> BlockingTransaction.Details? {
        try await details(of: hold, on: connection)
    }

    private static let sessionSQL = """
        SELECT nullif(a.application_name, '') AS application,
               (extract(epoch FROM clock_timestamp() - a.xact_start) * 1000)::bigint AS age
        FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
        WHERE l.virtualtransaction = $1 AND l.pid = $2 LIMIT 1
        """

    /// A prepared transaction has no process; its id is that of the transaction whose lock on itself it holds.
    private static let preparedSQL = """
        SELECT p.gid, (extract(epoch FROM clock_timestamp() - p.prepared) * 1000)::bigint AS age
        FROM pg_locks l JOIN pg_prepared_xacts p ON p.transaction = l.transactionid
        WHERE l.virtualtransaction = $1 AND l.locktype = 'transactionid' LIMIT 1
        """

    private func details(
        of hold: BlockedMark,
        on connection: isolated PostgresConnection
    ) throws(EventStoreError) -> BlockingTransaction.Details? {
        let name = PostgresValue.text(hold.transaction.virtualTransaction)
        do {
            var details = BlockingTransaction.Details(position: hold.position, processID: hold.transaction.processID)
            let row: PostgresResult
            if let pid = hold.transaction.processID {
                row = try connection.query(Self.sessionSQL, [name, .int32(pid)])
                guard !row.isEmpty else { return nil }
                details.application = try row.isNull(0, "application") ? nil : row.text(0, "application")
            } else {
                row = try connection.query(Self.preparedSQL, [name])
                guard !row.isEmpty else { return nil }
                details.preparedID = try row.text(0, "gid")
            }
            details.age = try row.isNull(0, "age") ? nil : .milliseconds(try row.int64(0, "age"))
            return details
        } catch {
            throw .database("asking who holds position \(hold.position)", error)
        }
    }
}
