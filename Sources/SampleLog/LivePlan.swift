internal import EventStore
internal import Postgres
internal import Refold

/// What one live transaction is going to do.
struct LivePlan: Sendable {
    /// An event and the name of its stream.
    struct Item: Sendable {
        let event: SampleEvent
        let stream: String

        /// Event id, stream, type, payload, metadata.
        var parameters: [PostgresValue] {
            [
                .uuid(bytes: event.id.bytes), .text(stream), .text(event.type.name),
                .json(String(decoding: event.payload, as: UTF8.self)),
                .json(String(decoding: event.metadata, as: UTF8.self)),
            ]
        }
    }

    /// The events in the order of their insertion.
    let events: [Item]
    /// How long to pause after each event.
    let pause: Duration
    /// How many of the first events are inserted once more before, and rolled back to a savepoint.
    let discardedFirst: Int
    let isRolledBack: Bool
}

extension LivePlan {
    /// One event in a transaction of its own.
    init(_ event: SampleEvent, of stream: String) {
        self.init(events: [Item(event: event, stream: stream)], pause: .zero, discardedFirst: 0, isRolledBack: false)
    }
}

/// The endless transactions of one live writer.
struct LivePlans: Sendable {
    private let transactionTime: Duration
    private let rollback: Double
    private let log: SampleLog
    private let salt: UInt64
    private var events: SampleEvents
    private var random: SplitMix64
    private var round: UInt64 = 0

    init(log: SampleLog, salt: UInt64, transactionTime: Duration, rollback: Double) {
        self.log = log
        self.salt = salt
        self.transactionTime = transactionTime
        self.rollback = rollback
        random = SplitMix64(seed: salt)
        events = log.makeEvents(after: Self.origin(salt))
    }

    /// A place of its own for each number, so that writers never give the same ids.
    private static func origin(_ number: UInt64) -> SampleOrigin {
        SampleOrigin(position: GlobalPosition(Int64(bitPattern: number)), timestamp: Timestamp(microseconds: 0))
    }

    mutating func next() -> LivePlan {
        let isSingle = transactionTime <= .milliseconds(2)
        let count = isSingle ? 1 : 1 + random.below(6)
        let time = isSingle ? .zero : transactionTime * random.below(1_001) / 1_000
        let isRolledBack = Double(random.below(1_000_000)) < rollback * 1_000_000
        let hasSavepoint = !isSingle && !isRolledBack && rollback > 0 && random.oneIn(5)
        return LivePlan(
            events: (0..<count).map { _ in
                let event = nextEvent()
                return LivePlan.Item(event: event, stream: events.name(of: event.stream))
            },
            pause: time / (count + 1),
            discardedFirst: hasSavepoint ? 1 + random.below(count) : 0,
            isRolledBack: isRolledBack
        )
    }

    private mutating func nextEvent() -> SampleEvent {
        if let event = events.next() { return event }
        round += 1
        events = log.makeEvents(after: Self.origin(salt &+ round))
        return nextEvent()
    }
}
