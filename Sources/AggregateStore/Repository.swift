public import Aggregates
public import EventStore
public import Logging
public import Postgres
public import Refold

/// Loads aggregates from their streams and saves what they decide.
///
/// ```swift
/// let accounts = Repository<BankAccount>(connection)
/// let saved = try await accounts.execute("42") { try $0.withdraw(15, at: now) }
/// ```
public struct Repository<A: Aggregate>: Sendable {
    private let connection: PostgresConnection
    private let streams: EventStreams
    private let statements: AggregateStatements<A>
    private let snapshots: SnapshotPolicy
    private let upcasters: Upcasters
    private let retries: ConflictRetries
    private let logger: Logger?

    /// - Parameters:
    ///   - connection: not used by anybody else during a call.
    ///   - store: where the events are; `refold migrate` must have run there.
    ///   - upcasters: bring payloads of older versions up to date. Events are written with the current versions.
    ///   - snapshots: when snapshots are taken.
    ///   - retries: how often `execute` decides anew when another writer was faster.
    ///   - logger: receives snapshots that could not be used or written, which only costs time.
    public init(
        _ connection: PostgresConnection,
        _ store: EventStoreSettings = EventStoreSettings(),
        upcasters: Upcasters = Upcasters(),
        snapshots: SnapshotPolicy = .default,
        retries: ConflictRetries = ConflictRetries(),
        logger: Logger? = nil
    ) {
        self.connection = connection
        streams = EventStreams(connection, store)
        statements = AggregateStatements(settings: store)
        self.upcasters = upcasters
        self.snapshots = snapshots
        self.retries = retries
        self.logger = logger
    }

    /// The same on the connection that streams use.
    init(_ streams: EventStreams, upcasters: Upcasters, snapshots: SnapshotPolicy, logger: Logger?) {
        self.init(
            streams.connection,
            streams.settings,
            upcasters: upcasters,
            snapshots: snapshots,
            logger: logger
        )
    }

    // MARK: Saving

    /// Loads an aggregate, lets it decide, and appends the events, unless another writer appended to the stream
    /// meanwhile: then it is loaded again and decides again, after a wait, as often as `retries` says.
    ///
    /// - Parameters:
    ///   - id: the aggregate's id.
    ///   - context: what is recorded with the events.
    ///   - decide: makes the decision, perhaps several times; no events leave everything as it is. No transaction is
    ///     open meanwhile, but the longer it takes, the likelier others are faster.
    /// - Throws: what the decision throws; `EventStoreError` with code `wrongExpectedVersion`, the expected and the
    ///   actual version, when others were faster each time; what `load` and `save` throw.
    @discardableResult
    public func execute(
        _ id: String,
        _ context: DecisionContext = DecisionContext(),
        _ decide: @Sendable (A) async throws -> [A.DomainEvent]
    ) async throws -> Saved<A> {
        var attempt = 1
        while true {
            let loaded = try await load(id)
            let events = try await decide(loaded.aggregate)
            do {
                let saved = try await save(events, after: loaded, context)
                return Saved(loaded: saved.loaded, positions: saved.positions, attempts: attempt)
            } catch let error as EventStoreError {
                guard error.code == .wrongExpectedVersion, attempt < retries.attempts else { throw error }
            }
            var generator = SystemRandomNumberGenerator()
            try await Task.sleep(for: retries.wait(afterAttempt: attempt, using: &generator))
            attempt += 1
        }
    }

    /// Appends events that were decided on a loaded aggregate, all or none, and takes a snapshot when one is due.
    ///
    /// - Returns: the aggregate with the events, as it would be loaded.
    /// - Throws: `EventStoreError` with code `wrongExpectedVersion` when the stream has grown since it was loaded;
    ///   `AggregateStoreError` with code `unwritableEvent` when an event could not be read back.
    @discardableResult
    public func save(
        _ events: [A.DomainEvent],
        after loaded: Loaded<A>,
        _ context: DecisionContext = DecisionContext()
    ) async throws -> Saved<A> {
        guard !events.isEmpty else { return Saved(loaded: loaded, positions: [], attempts: 1) }
        let time = context.time ?? .now()
        let newEvents = events.map { event in
            NewEvent(
                event.type,
                typeVersion: upcasters.currentVersion(of: event.type),
                event.payload,
                correlationID: context.correlationID,
                causationID: context.causationID,
                userID: context.userID,
                timestamp: time
            )
        }
        var fold = StreamFold(
            stream: A.stream(of: loaded.id),
            loaded.aggregate,
            version: loaded.version,
            newestEvent: loaded.newestEvent,
            upcasters: upcasters
        )
        try fold.take(newEvents, of: events.map(\.type), at: time)
        let appended = try await streams.append(
            to: fold.stream,
            expecting: .exactly(loaded.version),
            events: newEvents
        )
        var result = Loaded(
            id: loaded.id,
            aggregate: fold.aggregate,
            version: fold.version,
            newestEvent: fold.newestEvent,
            snapshotVersion: loaded.snapshotVersion
        )
        if snapshots.isDue(at: fold.version, after: loaded.snapshotVersion) {
            do {
                try await takeSnapshot(of: result)
                result.snapshotVersion = fold.version
            } catch {
                // The events are stored; a later save tries again.
                logger?.warning("no snapshot of \(fold.stream.abbreviated()) at version \(fold.version): \(error)")
            }
        }
        return Saved(loaded: result, positions: appended.positions, attempts: 1)
    }

    /// Writes a snapshot of an aggregate, whether one is due or not; none of one without events.
    public func takeSnapshot(of loaded: Loaded<A>) async throws {
        guard let newestEvent = loaded.newestEvent else { return }
        let put = try statements.put(
            loaded.aggregate,
            A.stream(of: loaded.id),
            at: loaded.version,
            event: newestEvent
        )
        try await connection.execute(put.sql, put.parameters)
    }

    // MARK: Loading

    /// Loads an aggregate as it is now: the newest usable snapshot, then the events after it. One round trip when those
    /// are fewer than 1,000.
    ///
    /// - Returns: an aggregate of version 0, to which nothing has happened, when it has no events.
    /// - Throws: `AggregateStoreError` for a stream that cannot be read, `EventStoreError` with code `database`.
    public func load(_ id: String) async throws -> Loaded<A> {
        try await load(id, through: .newest)
    }

    /// Loads an aggregate as it was.
    ///
    /// - Throws: what `load` throws; `AggregateStoreError` with code `noSuchVersion`.
    public func load(_ id: String, at moment: Moment) async throws -> Loaded<A> {
        switch moment {
        case .version(let version):
            let loaded = try await load(id, through: version == 0 ? .beforeAll : version)
            guard loaded.version == version else {
                throw AggregateStoreError.noSuchVersion(version, A.stream(of: id), newest: loaded.version)
            }
            return loaded
        case .time(let time):
            let version = try await streams.version(of: A.stream(of: id), at: time)
            return try await load(id, through: version ?? .beforeAll)
        }
    }

    private func load(_ id: String, through last: StreamPosition) async throws -> Loaded<A> {
        var snapshot: StreamPosition = 0
        var fold = StreamFold(stream: A.stream(of: id), A(id: id), upcasters: upcasters)
        var isRead = false
        if snapshots != .never {
            let (found, page) = try await readSinceSnapshot(fold.stream, through: last)
            if let begun = try begin(id, found, page) {
                fold = begun
                snapshot = found?.version ?? 0
                isRead = page.isLast
            }
        }
        if !isRead {
            // Streams of an adopted store may begin with version 0.
            let next = fold.newestEvent == nil ? 0 : StreamPosition(fold.version.rawValue + 1)
            try await take(from: next, through: last, into: &fold)
        }
        return Loaded(
            id: id,
            aggregate: fold.aggregate,
            version: fold.version,
            newestEvent: fold.newestEvent,
            snapshotVersion: snapshot
        )
    }

    private func take(
        from first: StreamPosition,
        through last: StreamPosition,
        into fold: inout StreamFold<A>
    ) async throws {
        var page: [RecordedEvent] = []
        for try await event in streams.readStream(fold.stream, from: first, to: last) {
            page.append(event)
            guard page.count == EventPage.size else { continue }
            try fold.take(page)
            page.removeAll(keepingCapacity: true)
        }
        try fold.take(page)
    }

    /// The usable snapshot, if any, and the first page from its event on, in one round trip.
    private func readSinceSnapshot(
        _ stream: String,
        through last: StreamPosition
    ) async throws -> (Snapshot?, EventPage) {
        do {
            let results = try await connection.pipeline([
                statements.find(stream, through: last),
                statements.readSinceSnapshot(stream, through: last),
            ])
            let snapshot = try results[0].isEmpty ? nil : Snapshot(results[0])
            return (snapshot, try EventPage(results[1], limit: EventPage.size))
        } catch {
            throw EventStoreError.database("loading stream \(stream.abbreviated())", error)
        }
    }

    /// Folds the first page, which begins with the event of the snapshot, or with the stream's first one without any.
    ///
    /// - Returns: nil when the page begins elsewhere: the snapshot is of another log, is ahead of the stream, cannot be
    ///   decoded, or was replaced between the two statements. Then the stream is read from its beginning.
    private func begin(_ id: String, _ snapshot: Snapshot?, _ page: EventPage) throws -> StreamFold<A>? {
        let stream = A.stream(of: id)
        guard let snapshot else {
            guard page.events.first.map({ $0.version <= 1 }) ?? true else { return nil }
            var fold = StreamFold(stream: stream, A(id: id), upcasters: upcasters)
            try fold.take(page.events)
            return fold
        }
        guard let first = page.events.first, first.version == snapshot.version, "\(first.id)" == snapshot.event,
            let aggregate = statements.decode(snapshot.state)
        else {
            logger?.warning(
                "the snapshot of stream \(stream.abbreviated()) at version \(snapshot.version) does not fit: not used"
            )
            return nil
        }
        var fold = StreamFold(
            stream: stream,
            aggregate,
            version: first.version,
            newestEvent: first.id,
            upcasters: upcasters
        )
        try fold.take(page.events.dropFirst())
        return fold
    }

    private struct Snapshot {
        let version: StreamPosition
        let event: String
        let state: String

        init(_ row: PostgresResult) throws(PostgresError) {
            version = StreamPosition(try row.int64(0, 0))
            event = try row.text(0, 1)
            state = try row.text(0, 2)
        }
    }
}

extension StreamPosition {
    /// No stream is longer.
    fileprivate static let newest = StreamPosition(.max)
    /// Before every event, also of an adopted stream, which may begin with version 0.
    fileprivate static let beforeAll = StreamPosition(-1)
}
