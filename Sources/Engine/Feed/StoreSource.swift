internal import EventStore
internal import Logging
internal import Postgres
internal import Refold
internal import Synchronization
internal import Timing

/// The event store, as a feed reads it: one session that samples the mark, one that reads, and for long ranges one that
/// helps it.
///
/// After an error it is spent; the next one connects again.
final class StoreSource: EventSource {
    let store: ValidatedStore
    /// The log that it reads.
    let log: KnownLog
    private let watcher: MarkWatcher
    private let reader: EventReader
    private let openReader: @Sendable () async throws -> EventReader
    /// Reads along while the ranges are long.
    private let helper = Mutex<EventReader?>(nil)
    private let state: Mutex<State>
    private let time: TimeSource
    private let logger: Logger

    private struct State {
        var mark: GlobalPosition
        /// The mark that is in the database.
        var stored: GlobalPosition
        var storedAt: ContinuousClock.Instant?
    }

    private init(
        watcher: MarkWatcher,
        reader: EventReader,
        openReader: @escaping @Sendable () async throws -> EventReader,
        log: KnownLog,
        time: TimeSource,
        logger: Logger
    ) {
        self.watcher = watcher
        self.reader = reader
        self.openReader = openReader
        self.log = log
        self.time = time
        self.logger = logger
        store = reader.store
        state = Mutex(State(mark: log.mark, stored: log.mark))
    }

    /// Connects twice, checks the store on both sessions, and that the log is the one that was read before.
    ///
    /// - Parameter adoptsLog: everything is about to be folded again, so a log that is not the one that was read, or no
    ///   longer all of it, is adopted.
    static func open(_ engine: Engine, adoptsLog: Bool = false) async throws -> StoreSource {
        let settings = engine.settings
        let types = Array(Set(engine.projections.flatMap(\.eventTypes)))
        let openReader: @Sendable () async throws -> EventReader = {
            let connection = try await engine.connect(for: "read")
            return EventReader(
                connection,
                try await StoreInspection.inspect(connection, settings.store),
                types: types,
                upcasters: engine.upcasters,
                options: ReadingOptions(batchSize: settings.batchSize)
            )
        }
        async let opening = openReader()
        let probeConnection = try await engine.connect(for: "mark")
        let store = try await StoreInspection.inspect(probeConnection, settings.store)
        // A log is not adopted before that; otherwise one that is not the one that was read is told first.
        if adoptsLog { try await StoreInspection.requireSequenceAhead(probeConnection, store) }
        let log = try await log(of: store, on: probeConnection, adoptsLog: adoptsLog)
        if !adoptsLog { try await StoreInspection.requireSequenceAhead(probeConnection, store) }
        let reader = try await opening
        // Each refuses to work in a server run other than its own.
        guard reader.store.serverRun == store.serverRun else {
            throw EventStoreError.storeChanged("the server recovered while sessions were opened")
        }
        for note in log.notes { engine.logger.warning("\(note)", metadata: ["log": "\(settings.store.eventsTable)"]) }
        return StoreSource(
            watcher: engine.makeMarkWatcher(on: probeConnection, store, from: log.mark),
            reader: reader,
            openReader: openReader,
            log: log,
            time: engine.time,
            logger: engine.logger
        )
    }

    private static func log(
        of store: ValidatedStore,
        on connection: PostgresConnection,
        adoptsLog: Bool
    ) async throws -> KnownLog {
        let known: KnownLog
        do throws(EventStoreError) {
            known = try await LogIdentityStore.open(connection, store)
        } catch {
            guard adoptsLog && error.isOfAnotherLog else { throw error }
            return try await LogIdentityStore.begin(connection, store)
        }
        // The mark is stored now and then; checkpoints are what was really read. Looked at before the newest position:
        // others fold on meanwhile.
        guard let folded = try await CheckpointStore(connection).newestLivePosition(in: known.id) else { return known }
        let newest = try await store.newestPosition(on: connection)
        guard folded > newest else { return known }
        guard adoptsLog else { throw EventStoreError.logShrank(lastValue: newest, passed: folded) }
        return try await LogIdentityStore.begin(connection, store, replacing: known.id)
    }

    /// Ends the sessions, without waiting for it.
    func closeSoon() {
        let helper = helper.withLock { $0.take() }
        let connections = [watcher.probe.connection, reader.connection] + (helper.map { [$0.connection] } ?? [])
        // Not a child task: closing outlives the use of the source, and cannot fail.
        Task { for connection in connections { await connection.close() } }
    }

    /// The newest look at the mark, for status.
    var lastSample: MarkSample? { watcher.lastSample }

    func mark(after position: GlobalPosition) async throws -> GlobalPosition {
        // A rebuild below the known mark never probes.
        if state.withLock({ $0.mark }) <= position { try await look() }
        let now = time.now
        let (mark, isDue) = state.withLock { state in
            let isDue =
                state.mark > state.stored
                && (state.storedAt.map { now - $0 > .seconds(1) } ?? true)
            if isDue { (state.stored, state.storedAt) = (state.mark, now) }
            return (state.mark, isDue)
        }
        if isDue { try await store(mark) }
        return mark
    }

    /// Samples the mark when it is time to.
    private func look() async throws {
        try await watcher.pause()
        let sample = try await watcher.look()
        state.withLock { $0.mark = max($0.mark, sample.mark) }
    }

    /// The mark as it is now, without waiting.
    func currentMark() async throws -> GlobalPosition {
        let sample = try await watcher.sample()
        return state.withLock { state in
            state.mark = max(state.mark, sample.mark)
            return state.mark
        }
    }

    nonisolated(nonsending) func read(
        after: GlobalPosition,
        through: GlobalPosition,
        deliver: (EventBlock) async throws -> Void
    ) async throws {
        guard through.rawValue - after.rawValue >= 2 * ParallelReader.stretch else {
            closeHelper()
            return try await reader.read(after: after, through: through, deliver: deliver)
        }
        try await ParallelReader(reader) { await self.openHelper() }.read(
            after: after,
            through: through,
            deliver: deliver
        )
    }

    func firstPosition(after: GlobalPosition, through: GlobalPosition) async throws -> GlobalPosition? {
        try await reader.firstPosition(after: after, through: through)
    }

    private func openHelper() async -> EventReader? {
        if let helper = helper.withLock({ $0 }) { return helper }
        do {
            let opened = try await openReader()
            // It would refuse to read, and so end what the first one still can.
            guard opened.store.serverRun == store.serverRun else { return nil }
            helper.withLock { $0 = opened }
            return opened
        } catch {
            logger.notice("no second session to read over; one does it alone", metadata: ["cause": "\(error)"])
            return nil
        }
    }

    private func closeHelper() {
        guard let helper = helper.withLock({ $0.take() }) else { return }
        // Not a child task: closing outlives the read, and cannot fail.
        Task { await helper.connection.close() }
    }

    /// Stores the mark, so that a rebuild below it need not wait for anybody.
    func store(_ mark: GlobalPosition) async throws {
        try await LogIdentityStore.store(mark, of: store, log: log.id, on: watcher.probe.connection)
        watcher.probe.store(mark)
    }
}
