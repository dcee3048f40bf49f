internal import Engine
internal import Kafka
internal import Postgres
internal import Refold
internal import Synchronization
internal import Timing

/// What is on its way, in its order, and the checkpoint that follows the acknowledgements.
final class RelayProgress: Sendable {
    /// A block that is on its way, and the state after it.
    private struct Sent: Sendable {
        let delivery: KafkaDelivery
        let checkpoint: RelayCheckpoint
    }

    private struct State {
        var last: RelayCheckpoint
        var waiting: [Sent] = []
        var isFinishing = false
        var isFinished = false
    }

    /// What the relay began with.
    let begun: RelayCheckpoint
    private let store: RelayStore
    private let fencing: FencingValue
    private let time: TimeSource
    private let state: Mutex<State>

    /// The longest time for which acknowledged blocks are not in the checkpoint: each write of it costs a commit.
    private static let interval: Duration = .milliseconds(50)
    /// How often is looked for a block where none is on its way.
    private static let idleInterval: Duration = .milliseconds(10)
    /// How many blocks are on their way at most.
    private static let mostBlocks = 256

    init(_ begun: RelayCheckpoint, _ store: RelayStore, _ fencing: FencingValue, _ time: TimeSource) {
        self.begun = begun
        self.store = store
        self.fencing = fencing
        self.time = time
        state = Mutex(State(last: begun))
    }

    /// Adds a block.
    func add(
        _ delivery: KafkaDelivery,
        through position: GlobalPosition,
        _ partitions: [String: [GlobalPosition]],
        endsFork: Bool
    ) {
        state.withLock { state in
            state.last.position = position
            // Partitions of topics that are not sent to at present are kept.
            state.last.partitions.merge(partitions) { $1 }
            if endsFork { state.last.fork = nil }
            state.waiting.append(Sent(delivery: delivery, checkpoint: state.last))
        }
    }

    /// Waits while too much is on its way.
    func waitForRoom() async throws {
        while state.withLock({ $0.waiting.count >= Self.mostBlocks }) {
            try await time.sleep(for: .milliseconds(1))
        }
    }

    /// Moves the checkpoint after the acknowledgements, until everything is stored and nothing more is to come.
    ///
    /// - Throws: the failure of a delivery, `RelayReplaced`, what storing throws, `CancellationError`.
    func run() async throws {
        var stored = begun
        while true {
            let (first, isFinishing) = state.withLock { ($0.waiting.first, $0.isFinishing) }
            guard let first else {
                if isFinishing { break }
                try await time.sleep(for: Self.idleInterval)
                continue
            }
            try await first.delivery.value()
            let reached = state.withLock { state in
                var reached = first.checkpoint
                while let next = state.waiting.first, next.delivery.isAcknowledged {
                    reached = next.checkpoint
                    state.waiting.removeFirst()
                }
                return reached
            }
            try await store.advance(from: stored, to: reached, fencing)
            stored = reached
            if !isFinishing { try await time.sleep(for: Self.interval) }
        }
        state.withLock { $0.isFinished = true }
    }

    /// Nothing more comes: waits until everything is acknowledged and stored, or for a while after the relay is to stop.
    func finish(_ isStopping: () -> Bool) async throws {
        state.withLock { $0.isFinishing = true }
        var deadline: ContinuousClock.Instant?
        while !state.withLock({ $0.isFinished }) {
            if isStopping() { deadline = deadline ?? time.now + Self.stopLimit }
            // The next relay sends the rest once more.
            if let deadline, time.now >= deadline { return }
            try await time.sleep(for: .milliseconds(1))
        }
    }

    /// How long a relay that is to stop waits for acknowledgements.
    private static let stopLimit: Duration = .seconds(2)

    /// Notes why nothing is sent.
    func note(_ cause: String?) async throws { try await store.note(cause, fencing) }
}
