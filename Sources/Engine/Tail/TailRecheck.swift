internal import EventStore
internal import Logging
internal import Postgres
internal import Synchronization
internal import Timing

/// The daemon's look at holes that were passed as dead, on a session of its own, replaced when it is lost.
final class TailRecheck: Sendable {
    private struct Opened {
        let sweep: GapRecheck
        let connection: PostgresConnection
    }

    private let engine: Engine
    private let opened: Mutex<Opened>

    private init(_ engine: Engine, _ opened: Opened) {
        self.engine = engine
        self.opened = Mutex(opened)
    }

    /// The sweep, with the stretch behind the stored mark: its holes may not have been recorded.
    static func open(_ engine: Engine) async throws -> TailRecheck {
        TailRecheck(engine, try await connect(engine))
    }

    private static func connect(_ engine: Engine) async throws -> Opened {
        try await engine.connect(for: "sweep").closedOnFailure { connection in
            let store = try await StoreInspection.inspect(connection, engine.settings.store)
            let log = try await LogIdentityStore.open(connection, store)
            let schedule = RecheckSchedule(delays: engine.settings.sweepDelays)
            let sweep = GapRecheck(connection, store, log: log.id, schedule: schedule)
            try await sweep.passed(behind: log.mark)
            return Opened(sweep: sweep, connection: connection)
        }
    }

    func closeSoon() {
        let connection = opened.withLock { $0.connection }
        // Not a child task: closing outlives the use of the sweep, and cannot fail.
        Task { await connection.close() }
    }

    /// Records holes.
    func passed(_ holes: GapLog) async throws {
        try await opened.withLock { $0.sweep }.passed(holes)
    }

    /// Looks at what is due every second, while this daemon has something to tail, until the task is cancelled.
    func run(for tails: [ProjectionTail]) async throws {
        if await !opened.withLock({ $0.connection }).isUsable {
            let replacement = try await Self.connect(engine)
            opened.withLock { opened in
                replacement.sweep.takeOver(from: opened.sweep)
                opened = replacement
            }
        }
        let sweep = opened.withLock { $0.sweep }
        while !Task.isCancelled {
            if tails.contains(where: \.orders.isMine) {
                for event in try await sweep.step() {
                    engine.logger.error("late event at \(event.position): it was inserted behind the high-water mark")
                }
            }
            do { try await engine.time.sleep(for: .seconds(1)) } catch { break }
        }
    }
}
