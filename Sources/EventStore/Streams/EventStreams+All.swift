internal import Postgres
public import Refold

extension EventStreams {
    /// Reads all streams, in the order of the positions and never above the high-water mark.
    ///
    /// It ends at the position that is the newest when the first event is asked for. Transactions that may still commit
    /// an event below that are waited for, however long they take, so no gap between delivered events is filled later.
    ///
    /// - Parameters:
    ///   - after: the position before the first event wanted.
    ///   - through: the last position wanted; nil, or one above the newest, is the newest.
    ///   - limit: how many events at most; nil for no limit.
    ///   - waiting: called once for each transaction that was waited for for a second.
    public func readAll(
        after: GlobalPosition = .zero,
        through: GlobalPosition? = nil,
        limit: Int? = nil,
        waiting: @escaping @Sendable (BlockingTransaction.Details) -> Void = { _ in }
    ) -> RecordedEvents {
        RecordedEvents { [self] in
            AllPages(
                connection: connection,
                settings: settings,
                waiting: waiting,
                after: after,
                through: through,
                left: max(0, limit ?? .max)
            )
        }
    }
}

/// The pages of the whole log.
private struct AllPages: EventPageSource {
    let connection: PostgresConnection
    let settings: EventStoreSettings
    let waiting: @Sendable (BlockingTransaction.Details) -> Void
    /// Everything up to here has been delivered.
    var after: GlobalPosition
    /// Where the read ends; the newest position at most, once that is known.
    var through: GlobalPosition?
    var left: Int

    private var watcher: MarkWatcher?
    private var sample = MarkSample(mark: .zero, lastValue: .zero)

    init(
        connection: PostgresConnection,
        settings: EventStoreSettings,
        waiting: @escaping @Sendable (BlockingTransaction.Details) -> Void,
        after: GlobalPosition,
        through: GlobalPosition?,
        left: Int
    ) {
        self.connection = connection
        self.settings = settings
        self.waiting = waiting
        self.after = after
        self.through = through
        self.left = left
    }

    mutating func nextPage() async throws(EventStoreError) -> [RecordedEvent]? {
        guard left > 0 else { return nil }
        let watcher = try await open()
        let end = through ?? sample.lastValue
        guard after < end else { return nil }
        while sample.mark <= after {
            do {
                try await watcher.pause()
            } catch {
                throw .cancelled("reading events")
            }
            sample = try await watcher.look()
        }
        let (limit, through) = (min(left, EventPage.size), min(sample.mark, end))
        let page = try await EventPage.read(
            settings,
            after: after,
            through: through,
            limit: limit,
            in: watcher.probe.store.serverRun,
            on: connection
        )
        left -= page.events.count
        after = page.isLast ? through : page.events.last?.position ?? through
        return page.events
    }

    private mutating func open() async throws(EventStoreError) -> MarkWatcher {
        if let watcher { return watcher }
        let store = try await StoreInspection.inspect(connection, settings)
        try await StoreInspection.requireSequenceAhead(connection, store)
        let probe = HighWaterMarkProbe(connection, store, from: try await LogIdentityStore.knownMark(connection, store))
        let watcher = MarkWatcher(probe) { [waiting] _, details in
            if let details { waiting(details) }
        }
        sample = try await watcher.sample()
        through = min(through ?? sample.lastValue, sample.lastValue)
        self.watcher = watcher
        return watcher
    }
}

extension EventPage {
    /// Reads the next events of the whole log.
    ///
    /// - Parameters:
    ///   - through: at most the high-water mark.
    ///   - run: the server's run in which the mark was found; in another one nothing is read (`storeChanged`).
    static func read(
        _ settings: EventStoreSettings,
        after: GlobalPosition,
        through: GlobalPosition,
        limit: Int,
        in run: ServerRun,
        on connection: isolated PostgresConnection
    ) throws(EventStoreError) -> EventPage {
        let sql = sql(
            settings,
            where: "e.global_position > $1 AND e.global_position <= $2",
            orderBy: "global_position",
            limit: "$3"
        )
        let (isCurrent, page): (Bool, EventPage)
        do {
            // One transaction, so that what is said of the run holds for the page.
            let results = try connection.pipeline([
                PostgresStatement("SELECT \(run.isCurrentSQL)"),
                PostgresStatement(sql, [.int64(after.rawValue), .int64(through.rawValue), .int64(Int64(limit))]),
            ])
            (isCurrent, page) = (try results[0].bool(0, 0), try EventPage(results[1], limit: limit))
        } catch {
            throw .database("reading the events after \(after)", error)
        }
        guard isCurrent else { throw .serverRunIsOver }
        return page
    }
}
