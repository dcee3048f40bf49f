public import EventStore
public import Postgres
public import Refold

/// Concurrent writers that append sample events in real transactions: of varying length, with several events and pauses
/// inside, some rolled back as a whole and some in part.
///
/// The users and contents are those of a `SampleLog` with the same seed; timestamps are the server's clock.
public struct LiveWriters: Sendable {
    /// How many writers there are, each with a connection of its own.
    public let writers: Int
    /// Committed and rolled back events per second, of all writers together; nil is as many as they can.
    public let rate: Double?
    /// Which share of the transactions is rolled back, 0…1. Above 0, some others roll back to a savepoint.
    public let rollback: Double
    /// The longest time for which a transaction pauses between its events. Up to two milliseconds, each transaction is
    /// one statement that appends one event.
    public let transactionTime: Duration
    /// How many viewing sessions are kept beating, by one more writer; their events come on top of the rate.
    public let sessions: Int
    /// After which time the writers stop; nil is when their task is cancelled.
    public let duration: Duration?

    private let store: EventStoreSettings
    private let log: SampleLog

    /// - Parameters:
    ///   - writers: at least 1.
    ///   - rate: events per second, above 0; nil for no limit.
    ///   - rollback: the share of transactions that are rolled back, 0…1.
    ///   - transactionTime: the longest pause of a transaction.
    ///   - duration: when to stop; nil to run until cancelled.
    ///   - users: how many users act.
    ///   - contents: how many contents there are.
    ///   - sessions: how many viewing sessions are kept beating; at least 0.
    ///   - seed: the seed of the users and contents, as in `SampleLog`. Everything else is random.
    ///   - store: the tables to append to.
    public init(
        writers: Int,
        rate: Double?,
        rollback: Double = 0,
        transactionTime: Duration = .milliseconds(20),
        duration: Duration? = nil,
        users: Int = 20_000,
        contents: Int = 5_000,
        sessions: Int = 0,
        seed: UInt64 = 1,
        into store: EventStoreSettings = EventStoreSettings()
    ) {
        precondition(
            writers > 0 && sessions >= 0 && rate ?? 1 > 0 && (0...1).contains(rollback),
            "nobody can write like that"
        )
        self.writers = writers
        self.rate = rate
        self.rollback = rollback
        self.transactionTime = transactionTime
        self.duration = duration
        self.sessions = sessions
        log = SampleLog(events: 1_000_000, users: users, contents: contents, seed: seed)
        self.store = store
    }

    /// Appends until the time is over, when transactions under way still end as planned, or until the task is
    /// cancelled, when they are rolled back.
    ///
    /// - Parameters:
    ///   - connect: opens the connection of one writer.
    ///   - ended: called after each transaction, on that writer's connection's executor.
    /// - Returns: what all writers did. Cancellation is not an error.
    /// - Throws: the first error of a connection; deadlocks and serialization failures are counted instead.
    public func run(
        connect: @escaping @Sendable () async throws -> PostgresConnection,
        ended: @escaping @Sendable (LiveTransaction) -> Void = { _ in }
    ) async throws -> LiveCounts {
        let clock = ContinuousClock()
        let deadline = duration.map { clock.now + $0 }
        let writer = LiveWriter(store: store)
        var random = SystemRandomNumberGenerator()
        return try await withThrowingTaskGroup(of: LiveCounts.self) { group in
            for _ in 0..<writers {
                let plans = LivePlans(
                    log: log,
                    salt: random.next(),
                    transactionTime: transactionTime,
                    rollback: rollback
                )
                let pace = rate.map { Duration.seconds(Double(writers) / $0) } ?? .zero
                group.addTask {
                    try await writer.run(plans, pace: pace, until: deadline, connect: connect, ended: ended)
                }
            }
            if sessions > 0 {
                let beating = SampleEvents(
                    log: SampleLog(events: 0, users: log.users, contents: log.contents, seed: log.seed),
                    origin: .empty,
                    actor: random.next(),
                    arrival: .kept(sessions)
                )
                group.addTask { try await writer.beat(beating, until: deadline, connect: connect, ended: ended) }
            }
            var total = LiveCounts()
            for try await counts in group { total += counts }
            return total
        }
    }
}

/// One transaction of a live writer, after it has ended.
public struct LiveTransaction: Sendable {
    /// The positions of its events in the order of their insertion, without those rolled back to a savepoint.
    public let positions: [GlobalPosition]
    /// Whether it was committed.
    public let wasCommitted: Bool
}

/// What live writers did.
public struct LiveCounts: Sendable, Equatable {
    /// Events that were committed.
    public internal(set) var appended = 0
    /// Transactions that were committed.
    public internal(set) var committed = 0
    /// Transactions that were rolled back as planned.
    public internal(set) var rolledBack = 0
    /// Events that were inserted and rolled back, with their transaction or to a savepoint.
    public internal(set) var discarded = 0
    /// Transactions that the server ended because of a deadlock or a serialization failure.
    public internal(set) var refused = 0

    static func += (total: inout LiveCounts, counts: LiveCounts) {
        total.appended += counts.appended
        total.committed += counts.committed
        total.rolledBack += counts.rolledBack
        total.discarded += counts.discarded
        total.refused += counts.refused
    }
}
