internal import Postgres
internal import Refold
internal import Timing

/// One subscriber's place in the log, and its own session.
struct EventFollower: Sendable {
    private let settings: EventStoreSettings
    private let connect: @Sendable () async throws -> PostgresConnection
    private let mark: SharedMark
    private let time: TimeSource

    /// The last event that was delivered, or the position before the first one wanted.
    private var delivered: GlobalPosition
    /// Everything up to here is delivered or on the page.
    private var after: GlobalPosition
    /// Everything up to here may be read.
    private var through: GlobalPosition
    private var run: SharedMark.Run?
    private var page: [RecordedEvent] = []
    private var next = 0
    private var connection: PostgresConnection?
    private var backoff = Backoff(limit: nil)

    init(
        settings: EventStoreSettings,
        connect: @escaping @Sendable () async throws -> PostgresConnection,
        mark: SharedMark,
        time: TimeSource,
        after: GlobalPosition
    ) {
        self.time = time
        self.settings = settings
        self.connect = connect
        self.mark = mark
        delivered = after
        self.after = after
        through = after
    }

    /// The next event; nil when the task is cancelled.
    mutating func next() async throws(EventStoreError) -> RecordedEvent? {
        while next == page.count {
            page = []
            next = 0
            do throws(EventStoreError) {
                try await fetch()
            } catch {
                if Task.isCancelled { return nil }
                guard error.isTransient else { throw error }
                lostSession()
                guard let wait = backoff.next(now: time.now), (try? await time.sleep(for: wait)) != nil else {
                    return nil
                }
            }
        }
        if Task.isCancelled { return nil }
        defer { next += 1 }
        delivered = page[next].position
        return page[next]
    }

    /// Where the server's run has no name, a session that is lost may be one that a crash ended.
    private mutating func lostSession() {
        connection = nil
        guard let run, run.server.id == nil else { return }
        mark.forget(run)
        after = delivered
        through = after
        self.run = nil
    }

    private mutating func fetch() async throws(EventStoreError) {
        if through <= after { try await waitForMark() }
        guard let connection = try await open(), let run else { return }
        let page = try await EventPage.read(
            settings,
            after: after,
            through: through,
            limit: EventPage.size,
            in: run.server,
            on: connection
        )
        backoff.reset()
        after = page.isLast ? through : page.events.last?.position ?? through
        self.page = page.events
    }

    private mutating func waitForMark() async throws(EventStoreError) {
        let seen = try await mark.next(above: after, in: run)
        if seen.run != run {
            guard seen.lastValue >= delivered else { throw .logShrank(lastValue: seen.lastValue, passed: delivered) }
            // Positions that were drawn and never committed are forgotten in a crash and drawn once more: what was a
            // gap behind the last event may have been filled.
            after = delivered
            connection = nil
            run = seen.run
        }
        through = max(after, seen.mark)
    }

    /// The session to read on; nil when the mark has to be waited for once more, because the session leads to another
    /// run of the server than the mark is of, or may do so.
    private mutating func open() async throws(EventStoreError) -> PostgresConnection? {
        if let connection { return connection }
        let (opened, store) = try await PostgresConnection.open(settings, connect)
        let isSame = store.serverRun == run?.server
        // A run without a name is known to last as long as a session does: the mark has to be found after it was
        // opened.
        if isSame { connection = opened }
        if isSame && store.serverRun.id != nil { return opened }
        mark.forget(run, looksAnew: !isSame)
        through = after
        return nil
    }
}

extension PostgresConnection {
    /// Opens a session and looks the store over on it.
    static func open(
        _ settings: EventStoreSettings,
        _ connect: @Sendable () async throws -> PostgresConnection
    ) async throws(EventStoreError) -> (PostgresConnection, ValidatedStore) {
        let connection: PostgresConnection
        do {
            connection = try await connect()
        } catch let error as PostgresError {
            throw .database("connecting to the event store", error)
        } catch {
            throw EventStoreError(.database, "connecting to the event store failed: \(error)", cause: error)
        }
        return (connection, try await StoreInspection.inspect(connection, settings))
    }
}
