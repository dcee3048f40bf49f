public import Logging
public import Postgres
public import Refold
package import Timing

/// Subscriptions to one event store: each first reads what is there and then follows the log.
///
/// All of them learn from one probe how far the log is safe to read, so a hundred cost the server no more queries than
/// one. Each reads on a session of its own, at its own pace: a slow subscriber keeps one page of events in memory and
/// holds nobody up. There is nothing to start or stop: one of the waiting subscribers samples for all of them.
public final class EventSubscriptions: Sendable {
    private let settings: EventStoreSettings
    private let connect: @Sendable () async throws -> PostgresConnection
    private let mark: SharedMark
    private let time: TimeSource

    /// - Parameters:
    ///   - settings: where the store is.
    ///   - pacing: how often the log is sampled while nothing comes.
    ///   - logger: receives lost connections and blocking transactions; nil for no log.
    ///   - connect: opens a session with the primary; called for each subscriber and once more for all of them, and
    ///     again when a session is lost.
    public convenience init(
        _ settings: EventStoreSettings = EventStoreSettings(),
        pacing: SamplePacing = SamplePacing(),
        logger: Logger? = nil,
        connect: @escaping @Sendable () async throws -> PostgresConnection
    ) {
        self.init(settings, pacing: pacing, logger: logger, time: .machine, connect: connect)
    }

    /// The same with a clock.
    package init(
        _ settings: EventStoreSettings,
        pacing: SamplePacing,
        logger: Logger?,
        time: TimeSource,
        connect: @escaping @Sendable () async throws -> PostgresConnection
    ) {
        self.settings = settings
        self.connect = connect
        self.time = time
        mark = SharedMark(settings, pacing: pacing, logger: logger, time: time, connect: connect)
    }

    /// All events from a position on, in order, each once, without end.
    ///
    /// An event is delivered once nothing can appear before it any more. A lost connection is re-established, however
    /// long that takes, and reading resumes after the last event that was delivered. Nothing is stored: to resume after
    /// a restart, keep the position of the last event handled and subscribe from the one after it.
    ///
    /// Cancelling the task ends the sequence without an error.
    ///
    /// - Parameter position: the first position wanted.
    /// - Returns: a sequence whose iterators each subscribe anew. It throws `logShrank` when the log ends before a
    ///   position that was read, and errors that a new connection cannot repair.
    public func subscribe(from position: GlobalPosition = 1) -> EventSubscription {
        EventSubscription { [self] in
            EventFollower(
                settings: settings,
                connect: connect,
                mark: mark,
                time: time,
                after: GlobalPosition(max(1, position.rawValue) - 1)
            )
        }
    }
}

/// The events of one subscriber; see ``EventSubscriptions/subscribe(from:)``.
public struct EventSubscription: AsyncSequence, Sendable {
    /// What is delivered.
    public typealias Element = RecordedEvent
    /// What ends a subscription; a lost connection does not.
    public typealias Failure = EventStoreError

    private let makeFollower: @Sendable () -> EventFollower

    init(_ makeFollower: @escaping @Sendable () -> EventFollower) {
        self.makeFollower = makeFollower
    }

    /// Subscribes.
    public func makeAsyncIterator() -> Iterator { Iterator(makeFollower()) }

    /// One subscriber.
    public struct Iterator: AsyncIteratorProtocol {
        private var follower: EventFollower
        private var hasEnded = false

        init(_ follower: EventFollower) {
            self.follower = follower
        }

        /// The next event, however long it takes to come; nil when the task is cancelled.
        public mutating func next(
            isolation actor: isolated (any Actor)? = #isolation
        ) async throws(EventStoreError) -> RecordedEvent? {
            guard !hasEnded else { return nil }
            do throws(EventStoreError) {
                let event = try await follower.next()
                hasEnded = event == nil
                return event
            } catch {
                hasEnded = true
                throw error
            }
        }
    }
}
