import Glibc
import Postgres
import TestSupport
import Testing

@Suite("Ending a connection from outside")
struct AbortTests {
    /// Aborts the connection while the statement runs, and expects its end at once.
    private func expectEnd(
        of connection: PostgresConnection,
        seenBy observer: PostgresConnection,
        _ statement: @escaping @Sendable (isolated PostgresConnection) throws -> Void
    ) async throws {
        let task = Task { try await statement(connection) }
        try await wait(for: "the statement runs") {
            try await observer.query(
                "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND state = 'active'",
                [.int32(connection.backendPID)]
            ).int64(0, 0) == 1
        }
        try await expectEnd(of: connection, task)
    }

    private func expectEnd(of connection: PostgresConnection, _ task: Task<Void, any Error>) async throws {
        let start = ContinuousClock.now
        connection.abort()
        let error = await #expect(throws: PostgresError.self) { try await task.value }
        #expect(ContinuousClock.now - start < .seconds(15))
        #expect(error?.code == .connectionLost)
        #expect(error?.message == "the connection was ended from this side")
        #expect(await !connection.isUsable)
    }

    @Test(
        "ends whatever it is doing",
        arguments: ["SELECT pg_sleep(600)", "pipeline", "copy out", "row lock"]
    )
    func abort(what: String) async throws {
        try await TestDatabase.with { database in
            let observer = try await database.connect()
            let connection = try await database.connect()
            let blocker = try await database.connect()
            try await blocker.executeScript("CREATE TABLE t AS SELECT 1 AS id")
            try await blocker.executeScript("BEGIN; UPDATE t SET id = 2")
            try await expectEnd(of: connection, seenBy: observer) { connection in
                switch what {
                case "pipeline": try connection.pipeline(["SELECT 1", "SELECT pg_sleep(600)", "SELECT 2"])
                case "row lock": try connection.execute("UPDATE t SET id = 3")
                case "copy out":
                    try connection.beginCopyOut(
                        "COPY (SELECT pg_sleep(600) FROM generate_series(1, 9)) TO STDOUT (FORMAT binary)"
                    )
                    while try connection.nextCopyRow({ _ in }) {}
                default: try connection.execute(what)
                }
            }
        }
    }

    @Test("ends one whose backend is frozen, and one that only listens")
    func frozen() async throws {
        try await PrivatePostgres.with { server in
            let connection = try await PostgresConnection.connect(to: server.url)
            kill(connection.backendPID, SIGSTOP)
            let task = Task { _ = try await connection.query("SELECT 1") }
            // Whether it has been sent by now does not matter.
            await Task.yield()
            try await expectEnd(of: connection, task)
            kill(connection.backendPID, SIGKILL)
        }
        try await TestDatabase.with { database in
            let listener = try await database.connect()
            try await listener.listen("c")
            let task = Task { _ = try await listener.notifications(waitingUpTo: .seconds(600)) }
            try await expectEnd(of: listener, task)
        }
    }

    @Test("does no harm when the connection is idle, closed, or closing at that moment")
    func races() async throws {
        try await TestDatabase.with { database in
            let idle = try await database.connect()
            idle.abort()
            let error = await #expect(throws: PostgresError.self) { try await idle.query("SELECT 1") }
            #expect(error?.code == .connectionLost)
            let bystander = try await database.connect()
            for _ in 0..<20 {
                let connection = try await database.connect()
                async let closed: Void = connection.close()
                connection.abort()
                await closed
                connection.abort()
                #expect(try await bystander.query("SELECT 1").int32(0, 0) == 1)
            }
        }
    }

    @Test("A registry ends all its connections and refuses new ones")
    func registry() async throws {
        try await TestDatabase.with { database in
            let observer = try await database.connect()
            let registry = ConnectionRegistry()
            let options = PostgresOptions(registry: registry)
            let first = try await database.connect(options)
            let second = try await database.connect(options)
            let closed = try await database.connect(options)
            #expect(registry.count == 3)
            await closed.close()
            #expect(registry.count == 2)
            let tasks = [first, second].map { connection in
                Task { _ = try await connection.query("SELECT pg_sleep(600)") }
            }
            registry.abortAll()
            for task in tasks {
                let error = await #expect(throws: PostgresError.self) { try await task.value }
                #expect(error?.code == .connectionLost)
            }
            #expect(registry.count == 0)
            let refused = await #expect(throws: PostgresError.self) { try await database.connect(options) }
            #expect(refused?.code == .cancelled)
            #expect(refused?.isTransient == false)
            #expect(try await observer.query("SELECT 1").int32(0, 0) == 1)
        }
    }

    @Test("Who waits for a connection that is being made is let go", arguments: [true, false])
    func dialling(byRegistry: Bool) async throws {
        try await TestDatabase.with { database in
            let relay = try SilencedRelay(to: database.url, answering: 0)
            defer { relay.close() }
            let registry = ConnectionRegistry()
            let options = PostgresOptions(connectTimeout: .seconds(60), registry: registry)
            let task = Task { try await PostgresConnection.connect(to: relay.relayedURL, options) }
            try await wait(for: "the attempt") { relay.unansweredCount == 1 }
            let start = ContinuousClock.now
            if byRegistry { registry.abortAll() } else { task.cancel() }
            let error = await #expect(throws: PostgresError.self) { try await task.value }
            #expect(error?.code == .cancelled)
            #expect(ContinuousClock.now - start < .seconds(15))
            relay.close()
            try await wait(for: "the attempt's end") { registry.count == 0 }
        }
    }
}
