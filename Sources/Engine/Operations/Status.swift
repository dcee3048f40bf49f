public import EventStore
public import Refold

/// The state of the store and of all projections.
public struct Status: Sendable {
    /// The store.
    public var store: StoreStatus
    /// The projections, in the order of their list.
    public var projections: [ProjectionStatus]
    /// The relays to Kafka that have begun at some time; none where the log is not sent.
    public var relays: [RelayStatus] = []
    /// Emitted events on their way to the log; nil when no projection emits any.
    public var outbox: OutboxStatus?
}

/// Emitted events on their way to the log.
public struct OutboxStatus: Sendable {
    /// How many wait.
    public var waiting: Int64
    /// How long the oldest one has been waiting; nil when there is none.
    public var age: Duration?
    /// The process that appends.
    public var appender: Owner?
    /// Why nothing is appended.
    public var cause: String?
}

/// The state of the event store.
public struct StoreStatus: Sendable {
    /// The events table, as `schema.table`.
    public var table: String
    /// The newest position drawn; zero for none.
    public var position: GlobalPosition
    /// Nothing can appear any more at or below it.
    public var mark: GlobalPosition
    /// Events read and dispatched together.
    public var batchSize: Int
    /// `json` or `jsonb`; nil when the store cannot be read.
    public var payload: String?
    /// The transaction that has held the mark back for more than a second.
    public var hold: BlockingTransaction.Details?
    /// Positions at which events appeared after they had been passed.
    public var lateEvents: [GlobalPosition]
    /// Why the store cannot be read, or is not the one that was read before.
    public var problem: (any Error)?
}

/// The state of one projection.
public struct ProjectionStatus: Sendable {
    /// What it does.
    public enum State: String, Sendable {
        /// There is no live generation yet.
        case empty
        /// The live generation serves; nobody advances it.
        case live
        /// A process keeps it up with the log.
        case tailing
        /// It is stopped; the cause says why.
        case stopped
        /// A new generation is being built, and nobody tails the live one.
        case rebuilding
    }

    /// Its name.
    public var name: ProjectionName
    /// The generation that readers see.
    public var live: GenerationNumber?
    /// Everything up to here is in the live generation.
    public var position: GlobalPosition
    /// The high-water mark of the store.
    public var mark: GlobalPosition
    /// Age of the oldest event that is not applied yet; zero when there is none, nil when its time is infinite.
    public var lagTime: Duration?
    /// What it does.
    public var state: State
    /// Why it is stopped, or waits.
    public var cause: String?
    /// Events a second over the last commit window, while a process advances it.
    public var rate: Double?
    /// The process that advances it.
    public var owner: Owner?
    /// The last error, even if it has continued since.
    public var lastError: LastError?
    /// Events that were set aside.
    public var deadLetters: Int64
    /// Whether readers find it in the cache.
    public var cache: CacheState
    /// What its events up to here have emitted is in the outbox or in the log; nil for one that emits nothing, or has not
    /// begun to.
    public var emittedThrough: GlobalPosition?
    /// What keeps the cache behind.
    public var cacheError: String?
    /// The generation that is being built, or is ready.
    public var building: BuildingStatus?

    /// Positions up to the mark that are not applied yet.
    public var lag: Int64 { max(0, mark.rawValue - position.rawValue) }
}

/// The last error of a generation.
public struct LastError: Sendable {
    /// What happened.
    public var message: String
    /// When, by the server's clock.
    public var at: Timestamp
}

/// The state of a generation that is not live yet.
public struct BuildingStatus: Sendable {
    /// Its number.
    public var generation: GenerationNumber
    /// Everything up to here is committed in it.
    public var position: GlobalPosition
    /// The head of the log when the rebuild began; nil when not recorded.
    public var target: GlobalPosition?
    /// How far it has come; `pointed` for a live one that has no rows yet.
    public var state: GenerationState
    /// In which form its rows are stored.
    public var phase: GenerationPhase
    /// Events a second over the last commit window, while a process builds it.
    public var rate: Double?
    /// The process that builds it; nil when the rebuild was interrupted.
    public var owner: Owner?
    /// Why it makes no progress at present.
    public var waitingFor: String?

    /// Time to the target at the present rate.
    public var remaining: Duration? {
        guard let rate, rate > 0, let target else { return nil }
        return .atMostAges(seconds: Double(max(0, target.rawValue - position.rawValue)) / rate)
    }
}
