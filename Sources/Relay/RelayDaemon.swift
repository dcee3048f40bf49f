internal import Engine
internal import EventStore
internal import Kafka
internal import Logging
internal import Postgres
internal import Refold
internal import Synchronization
internal import Timing

/// Repeats sessions until it is to stop, waits for its turn where another relay is at work, and tells passing failures
/// from those that stay.
final class RelayDaemon: Sendable {
    /// How often a relay that stands by looks whether the other one is gone.
    private static let standbyInterval: Duration = .milliseconds(250)
    /// After this time a failure is no longer one of a row.
    private static let steadyTime: Duration = .seconds(10)

    private struct State {
        var isStopping = false
        /// The first session has begun: from here on, what passes is waited for.
        var hasBegun = false
        var standsBy = false
        /// The position to go back to, until a session has.
        var from: Int64?
    }

    private let relay: Relay
    private let request: RelayRequest
    private let state: Mutex<State>

    private var engine: Engine { relay.engine }
    private var settings: RelaySettings { relay.settings }

    init(_ relay: Relay, _ request: RelayRequest) {
        self.relay = relay
        self.request = request
        state = Mutex(State(from: request.from))
    }

    var isStopping: Bool { state.withLock { $0.isStopping } }

    /// Asks it to end after the block in hand.
    func stop() { state.withLock { $0.isStopping = true } }

    func run(_ keeper: LeaseKeeper) async throws {
        // Brokers that cannot be reached and topics that are missing are reported even while another relay is at work.
        _ = try await partitionCounts()
        var backoff = Backoff(limit: request.untilCaughtUp ? engine.settings.retryLimit : nil)
        while !isStopping {
            let began = engine.time.now
            do {
                return try await session(keeper)
            } catch is RelayReplaced {
                engine.logger.notice("another relay has taken over; this one stands by")
            } catch {
                if engine.time.now - began > Self.steadyTime { backoff.reset() }
                let mayPass = error.isTransient || (error as? KafkaError)?.isTransient ?? false
                let hasBegun = state.withLock { $0.hasBegun }
                guard mayPass, hasBegun, !Task.isCancelled, let delay = backoff.next(now: engine.time.now) else {
                    throw error
                }
                engine.logger.warning(
                    "relaying is interrupted and begins again at the checkpoint",
                    metadata: ["cause": "\(error)"]
                )
                await pause(delay)
            }
        }
    }

    /// Waits for its turn, and relays until there is nothing more to do.
    private func session(_ keeper: LeaseKeeper) async throws {
        try await engine.withConnection(for: "relay") { connection in
            try await engine.requireMigration(on: connection)
            let store = RelayStore(connection, version: settings.version)
            while !isStopping {
                switch try await store.acquire(for: keeper) {
                case .owned(let ownership):
                    guard !request.untilCaughtUp else { throw RelayError.owned(by: ownership) }
                    await standBy(ownership)
                case .acquired(let checkpoint, let fencing):
                    do {
                        try await relay(checkpoint, partitionCounts(), store, fencing)
                    } catch {
                        // The process may end with it: status says what it was.
                        if !(error is RelayReplaced) { try? await store.note("\(error)", fencing) }
                        throw error
                    }
                    return
                }
            }
        }
    }

    private func relay(
        _ checkpoint: RelayCheckpoint,
        _ counts: [String: Int],
        _ store: RelayStore,
        _ fencing: FencingValue
    ) async throws {
        try checkpoint.requireSame(counts)
        let (mark, events, log, newest) = try await FlushedMark.open(engine)
        defer { closeSoon { await mark.close() } }
        guard events.hasEventID else { throw RelayError.noEventIDs(engine.settings.store.eventsTable) }
        guard checkpoint.log == nil || checkpoint.log == log.id else { throw RelayError.otherLog(settings.version) }
        guard newest >= checkpoint.position else {
            throw RelayError.logShrank(to: newest, from: checkpoint.position)
        }
        try await mark.requireSequenceAhead()
        var begun = checkpoint.beginning(in: events.serverRun, of: log.id, newest: newest, partitions: counts)
        if let from = state.withLock({ $0.from }) {
            guard from - 1 <= checkpoint.position.rawValue || checkpoint.epoch == 0 else {
                throw RelayError.beyondCheckpoint(from, checkpoint)
            }
            guard from - 1 <= newest.rawValue else { throw RelayError.beyondLog(from, newest) }
            begun.goBack(to: GlobalPosition(max(0, from - 1)))
        }
        let reading = try await engine.connect(for: "relay read")
        defer { closeSoon { await reading.close() } }
        let inspected = try await StoreInspection.inspect(reading, engine.settings.store)
        // Each refuses to work in a server run other than its own.
        guard inspected.serverRun == events.serverRun else {
            throw EventStoreError.storeChanged("the server recovered while sessions were opened")
        }
        try await store.begin(begun, fencing)
        state.withLock { state in
            state.hasBegun = true
            state.standsBy = false
            state.from = nil
        }
        engine.logger.info(
            "relaying",
            metadata: ["position": "\(begun.position)", "epoch": "\(begun.epoch)", "topics": "\(settings.topics)"]
        )
        if let fork = begun.fork {
            engine.logger.notice("the server has recovered or is another one; the log is marked as forked at \(fork)")
        }
        let producer = try relay.kafka.producer()
        let session = RelaySession(
            engine: engine,
            settings: settings,
            kafka: relay.kafka,
            mark: mark,
            reader: WholeEventReader(reading, inspected, types: settings.routes.map(\.type)),
            producer: producer,
            progress: RelayProgress(begun, store, fencing, engine.time),
            isStopping: { self.isStopping },
            goal: request.untilCaughtUp ? newest : nil
        )
        let result: Result<Void, any Error>
        do {
            result = .success(try await session.run())
        } catch {
            result = .failure(error)
        }
        // Gives up what is on its way, so that nothing of this epoch is sent any more.
        await producer.close()
        try result.get()
    }

    // MARK: Around it

    /// The partitions of each topic, all of which have to be there.
    private func partitionCounts() async throws -> [String: Int] {
        let admin = try relay.kafka.admin()
        var counts = try await admin.partitionCounts(of: settings.topics)
        let missing = settings.topics.filter { counts[$0] == nil }
        guard !missing.isEmpty else { return counts }
        guard let partitions = request.newTopicPartitions else { throw RelayError.missing(missing, settings, request) }
        try await admin.createTopics(missing, partitions: partitions)
        // Brokers learn of a new topic one after the other.
        let deadline = engine.time.now + .seconds(10)
        while engine.time.now < deadline {
            counts = try await admin.partitionCounts(of: settings.topics)
            if settings.topics.allSatisfy({ counts[$0] != nil }) { return counts }
            try await engine.time.sleep(for: .milliseconds(100))
        }
        throw RelayError.missing(missing, settings, request)
    }

    private func standBy(_ ownership: Ownership?) async {
        let isNews = state.withLock { state in
            state.hasBegun = true
            defer { state.standsBy = true }
            return !state.standsBy
        }
        if isNews {
            let owner = ownership.map { "\($0.owner)" } ?? "unknown"
            engine.logger.info("another relay is at work; this one stands by", metadata: ["owner": "\(owner)"])
        }
        await pause(Self.standbyInterval)
    }

    /// Waits, unless the relay is to stop meanwhile.
    private func pause(_ duration: Duration) async { await engine.pause(duration, unless: { isStopping }) }

    /// Not a child task: closing outlives the use of a session, and cannot fail.
    private func closeSoon(_ close: @escaping @Sendable () async -> Void) { Task { await close() } }
}

extension RelayCheckpoint {
    /// - Throws: that a topic has another number of partitions than when the relay began.
    func requireSame(_ counts: [String: Int]) throws {
        for (topic, last) in partitions.sorted(by: { $0.key < $1.key }) {
            guard let count = counts[topic], count != last.count else { continue }
            throw RelayError.partitionsChanged(topic, from: last.count, to: count)
        }
    }
}
