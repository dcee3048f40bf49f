public import EventStore
public import Refold

/// The engine's settings. `Config/refold.yaml` documents each value with default, unit and effect.
public struct EngineSettings: Sendable {
    /// Any libpq URL or keyword/value string.
    public var databaseURL = "postgresql:///refold"
    /// False behind a pooler that shares sessions.
    public var preparesStatements = true
    /// How long one attempt to connect may take.
    public var connectTimeout: Duration = .seconds(10)
    /// How long a rebuild keeps trying while the database fails and nothing is committed any more.
    public var retryLimit: Duration = .seconds(60)
    /// How long a process that does not renew its lease keeps what it owns.
    public var leaseTime: Duration = .seconds(10)
    /// How long a switchover may hold up the daemon's commits to catch up with it, when it cannot otherwise.
    public var switchoverLimit: Duration = .seconds(3)

    /// Where the events are.
    public var store = EventStoreSettings()
    /// How long a daemon waits before it looks again for events when nothing is going on.
    public var idleInterval: Duration = .milliseconds(10)
    /// When holes that were passed are checked again.
    public var sweepDelays: [Duration] = [.seconds(60), .seconds(3600)]
    /// Whether a rebuild goes ahead when the oldest events that the live generation was folded from are gone.
    public var acceptsShortenedLog = false

    /// Events that are read, dispatched and, in case of an error, set apart together.
    public var batchSize = BatchSize.default
    /// Bytes that the rows of all projections may take in memory.
    public var memoryBudget = 512 << 20
    /// Time after which a commit window is closed while more events are waiting.
    public var windowTime: Duration = .seconds(10)
    /// Events after which a commit window is closed.
    public var windowEvents = 10_000_000
    /// What happens when a projection refuses an event; `stop` where nothing is said.
    public var policies: [ProjectionName: RefusalPolicy] = [:]

    /// The defaults.
    public init() {}
}
