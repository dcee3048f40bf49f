import EventStore
import Postgres
import Refold
import Synchronization
import TestSupport
import Testing

@Suite("Subscriptions")
struct SubscriptionTests {
    /// Counts the sessions that subscriptions open.
    private final class Sessions: Sendable {
        private let url: String
        private let all = Mutex<[PostgresConnection]>([])

        init(_ url: String) {
            self.url = url
        }

        func open() async throws -> PostgresConnection {
            let connection = try await PostgresConnection.connect(to: url)
            all.withLock { $0.append(connection) }
            return connection
        }

        var count: Int { all.withLock { $0.count } }
        var processIDs: [Int64] { all.withLock { $0.map { Int64($0.backendPID) } } }
    }

    private func append(_ count: Int, to stream: String, on connection: PostgresConnection) async throws {
        let events = (0..<count).map { NewEvent(type: "counted", payload: "\($0)") }
        _ = try await EventStreams(connection).append(to: stream, events: events)
    }

    /// Follows until the event at a position has come.
    private static func follow(
        _ subscriptions: EventSubscriptions,
        from position: GlobalPosition = 1,
        until last: @escaping @Sendable () async -> Int64?
    ) async throws -> [Int64] {
        var positions: [Int64] = []
        for try await event in subscriptions.subscribe(from: position) {
            positions.append(event.position.rawValue)
            if let last = await last(), event.position.rawValue >= last { break }
        }
        return positions
    }

    @Test("Many subscribers first read and then follow, each from its own position, through one probe")
    func readAndFollow() async throws {
        try await TestStore.with { store in
            try await append(1_300, to: "a", on: store.connection)
            let sessions = Sessions(store.database.url)
            let subscriptions = EventSubscriptions { try await sessions.open() }
            try await withThrowingTaskGroup(of: (Int64, [Int64]).self) { group in
                for number in 0..<12 as Range<Int64> {
                    let first = number * 110 + 1
                    group.addTask {
                        (first, try await Self.follow(subscriptions, from: GlobalPosition(first)) { 1_500 })
                    }
                }
                let writer = try await store.connect()
                for _ in 0..<20 {
                    try await append(10, to: "b", on: writer)
                    try await Task.sleep(for: .milliseconds(2))
                }
                for try await (first, positions) in group { #expect(positions == Array(first...1_500)) }
            }
            #expect(sessions.count == 13)
        }
    }

    @Test("A subscriber that is woken to look for all, and is cancelled before it can, wakes the next one")
    func stopping() async throws {
        try await TestStore.with { store in
            let sessions = Sessions(store.database.url)
            let subscriptions = EventSubscriptions { try await sessions.open() }
            let executors = [PausableExecutor(), PausableExecutor()]
            var subscribers = [Task { try await Self.follow(subscriptions) { 1 } }]
            defer { for subscriber in subscribers { subscriber.cancel() } }
            try await wait(for: "the first subscriber to look") { sessions.count == 1 }
            for executor in executors {
                subscribers.append(Task(executorPreference: executor) { try await Self.follow(subscriptions) { 1 } })
            }
            try await wait(for: "the others to wait for it") { executors.allSatisfy(\.isIdle) }
            let woken = try await executors[0].paused {
                try await executors[1].paused {
                    subscribers[0].cancel()
                    try await wait(for: "one of the others to be woken") { !executors.allSatisfy(\.isIdle) }
                    let woken = executors[0].isIdle ? 2 : 1
                    subscribers[woken].cancel()
                    return woken
                }
            }
            #expect(try await subscribers[woken].value.isEmpty)
            try await wait(for: "the last subscriber to look") { sessions.count == 2 }
            try await append(1, to: "a", on: store.connection)
            #expect(try await subscribers[3 - woken].value == [1])
        }
    }

    @Test("No event is skipped and none comes twice, whatever the writers do")
    func skipsNothing() async throws {
        try await TestStore.with { store in
            let subscriptions = EventSubscriptions { try await store.connect() }
            let (insert, last) = (store.insert, LastPosition())
            let seen = try await withThrowingTaskGroup(of: [Int64]?.self) { group in
                for _ in 0..<3 { group.addTask { try await Self.follow(subscriptions) { await last.value } } }
                try await withThrowingTaskGroup(of: Void.self) { writers in
                    for number in 0..<6 {
                        let connection = try await store.connect()
                        writers.addTask {
                            for turn in 0..<120 {
                                let end = (number + turn).isMultiple(of: 4) ? "ROLLBACK" : "COMMIT"
                                try await connection.executeScript("BEGIN; \(insert)")
                                try await connection.executeScript("\(insert) FROM generate_series(1, 3); \(end)")
                            }
                        }
                    }
                    try await writers.waitForAll()
                }
                let newest = try await store.connection.query("SELECT max(global_position) FROM events")
                await last.set(try newest.int64(0, 0) + 1)
                try await store.connection.executeScript(insert)
                return try await group.reduce(into: []) { $0.append($1 ?? []) }
            }
            let all = try await store.connection.query("SELECT global_position FROM events ORDER BY 1")
            let truth = try all.rows.map { try $0.int64(0) }
            for positions in seen { #expect(positions == truth) }
        }
    }

    @Test("A slow subscriber holds nobody up, even when it was the one that looked")
    func slowSubscriber() async throws {
        try await TestStore.with { store in
            let subscriptions = EventSubscriptions { try await store.connect() }
            let door = LastPosition()
            try await withThrowingTaskGroup(of: [Int64].self) { group in
                group.addTask {
                    try await Self.follow(subscriptions) {
                        // Handles its first event for as long as the door is shut.
                        while await door.value == nil { try? await Task.sleep(for: .milliseconds(5)) }
                        return 700
                    }
                }
                // It leads alone before the others come.
                try await wait(for: "the first subscriber to look") {
                    try await store.connection.query(
                        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_locks%'"
                    ).count > 1
                }
                let others = (0..<3).map { _ in Task { try await Self.follow(subscriptions) { 700 } } }
                for _ in 0..<7 { try await append(100, to: "a", on: store.connection) }
                for other in others { #expect(try await other.value == Array(1...700)) }
                await door.set(1)
                for try await positions in group { #expect(positions == Array(1...700)) }
            }
        }
    }

    @Test("Cancelling ends a subscription without an error, and another one takes over the looking")
    func cancelled() async throws {
        try await TestStore.with { store in
            let subscriptions = EventSubscriptions { try await store.connect() }
            let tasks = (0..<4).map { _ in Task { try await Self.follow(subscriptions) { 300 } } }
            try await append(100, to: "a", on: store.connection)
            for task in tasks.dropLast() {
                try await Task.sleep(for: .milliseconds(20))
                task.cancel()
                let seen = try await task.value
                #expect(seen == Array(1...100) || seen.isEmpty)
            }
            try await append(200, to: "a", on: store.connection)
            #expect(try await tasks[3].value == Array(1...300))
        }
    }

    @Test("A lost connection is made anew, and reading goes on after the last event delivered")
    func lostConnections() async throws {
        try await TestStore.with { store in
            let sessions = Sessions(store.database.url)
            let subscriptions = EventSubscriptions { try await sessions.open() }
            try await withThrowingTaskGroup(of: [Int64].self) { group in
                for _ in 0..<3 { group.addTask { try await Self.follow(subscriptions) { 4_000 } } }
                let writer = try await store.connect()
                for round in 0..<40 {
                    try await append(100, to: "a", on: writer)
                    guard round.isMultiple(of: 8) else { continue }
                    let ids = sessions.processIDs
                    _ = try await store.connection.query(
                        "SELECT pg_terminate_backend(pid::integer) FROM unnest($1::bigint[]) pid",
                        [.int64Array(ids)]
                    )
                }
                for try await positions in group { #expect(positions == Array(1...4_000)) }
            }
            #expect(sessions.count > 4)
        }
    }

    @Test("A server that stops or crashes, and starts again, loses and repeats nothing", .timeLimit(.minutes(2)))
    func restarts() async throws {
        // What no commit has written is lost in a crash.
        try await PrivatePostgres.with(settings: ["wal_writer_delay": "10s"]) { server in
            let store = EventStoreSettings()
            let setup = try await PostgresConnection.connect(to: server.url)
            try await EventStoreSchema.migrate(on: setup, store)
            await setup.close()
            let subscriptions = EventSubscriptions(store) { try await PostgresConnection.connect(to: server.url) }
            let last = LastPosition()
            try await withThrowingTaskGroup(of: [Int64].self) { group in
                for _ in 0..<2 { group.addTask { try await Self.follow(subscriptions) { await last.value } } }
                for mode in [PrivatePostgres.StopMode.fast, .immediate, .immediate] {
                    let writer = try await PostgresConnection.connect(to: server.url)
                    try await append(50, to: "a", on: writer)
                    // Positions that are passed as holes, and that a crash forgets: the next events get them again.
                    try await writer.executeScript(
                        """
                        BEGIN;
                        SELECT setval('events_global_position_seq', nextval('events_global_position_seq') + 1000);
                        ROLLBACK
                        """
                    )
                    try await Task.sleep(for: .milliseconds(50))
                    try await server.stop(mode)
                    try await server.start()
                }
                let writer = try await PostgresConnection.connect(to: server.url)
                let newest = try await writer.query("SELECT max(global_position) FROM events")
                await last.set(try newest.int64(0, 0) + 1)
                try await append(1, to: "a", on: writer)
                let all = try await writer.query("SELECT global_position FROM events ORDER BY 1")
                let truth = try all.rows.map { try $0.int64(0) }
                for try await positions in group { #expect(positions == truth) }
                await writer.close()
            }
        }
    }

    @Test("Refold's own tables may be made while subscriptions go on")
    func migratedMeanwhile() async throws {
        try await TestStore.with { store in
            try await store.connection.executeScript("DROP TABLE refold.server_run")
            try await append(20, to: "a", on: store.connection)
            let sessions = Sessions(store.database.url)
            let subscriptions = EventSubscriptions { try await sessions.open() }
            let first = Task { try await Self.follow(subscriptions) { 40 } }
            #expect(try await Self.follow(subscriptions) { 20 } == Array(1...20))
            try await EventStoreSchema.migrate(on: store.connection, store.settings)
            let second = Task { try await Self.follow(subscriptions) { 40 } }
            #expect(try await Self.follow(subscriptions) { 20 } == Array(1...20))
            try await append(20, to: "a", on: store.connection)
            for task in [first, second] { #expect(try await task.value == Array(1...40)) }
            #expect(sessions.count < 40)
        }
    }

    @Test("A log that ends before a position that was read is refused")
    func shrunkenLog() async throws {
        try await TestStore.with { store in
            try await append(10, to: "a", on: store.connection)
            let subscriptions = EventSubscriptions { try await store.connect() }
            let error = await #expect(throws: EventStoreError.self) {
                try await Self.follow(subscriptions, from: 12) { 20 }
            }
            #expect(error?.code == .logShrank)
            async let next = Self.follow(subscriptions, from: 11) { 11 }
            try await append(1, to: "a", on: store.connection)
            #expect(try await next == [11])
        }
    }

    @Test("What connecting anew cannot mend ends the subscription")
    func refused() async throws {
        try await TestStore.with(migrated: false) { store in
            let subscriptions = EventSubscriptions { try await store.connect() }
            let error = await #expect(throws: EventStoreError.self) {
                try await Self.follow(subscriptions) { 1 }
            }
            #expect(error?.code == .eventsTableMissing)
        }
    }
}

/// The position at which followers are done, once it is known.
private actor LastPosition {
    private(set) var value: Int64?

    func set(_ value: Int64?) { self.value = value }
}
