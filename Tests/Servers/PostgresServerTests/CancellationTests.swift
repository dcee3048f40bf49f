import Postgres
import TestSupport
import Testing

@Suite("Cancelling")
struct CancellationTests {
    /// Waits until the server runs the statement that the connection was given.
    private func waitUntilActive(_ connection: PostgresConnection, _ observer: PostgresConnection) async throws {
        try await wait(for: "the statement runs") {
            try await observer.query(
                "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND state = 'active'",
                [.int32(connection.backendPID)]
            ).int64(0, 0) == 1
        }
    }

    private func withTwo(_ body: (PostgresConnection, PostgresConnection) async throws -> Void) async throws {
        try await TestDatabase.with { database in
            try await body(try await database.connect(), try await database.connect())
        }
    }

    @Test("Cancelling the task cancels the statement on the server, and the connection goes on")
    func task() async throws {
        try await withTwo { connection, observer in
            let start = ContinuousClock.now
            let task = Task { try await connection.query("SELECT pg_sleep(60)") }
            try await waitUntilActive(connection, observer)
            task.cancel()
            let error = await #expect(throws: PostgresError.self) { try await task.value }
            #expect(error?.code == .cancelled)
            #expect(error?.isTransient == false)
            #expect(ContinuousClock.now - start < .seconds(20))
            #expect(try await connection.query("SELECT 1").int32(0, 0) == 1)
        }
    }

    @Test("A cancelled transaction is rolled back")
    func transaction() async throws {
        try await withTwo { connection, observer in
            try await connection.executeScript("CREATE TABLE t (id bigint)")
            let task = Task {
                try await connection.transaction { connection in
                    try connection.execute("INSERT INTO t VALUES (1)")
                    try connection.pipeline(["SELECT 1", "SELECT pg_sleep(60)"])
                }
            }
            try await waitUntilActive(connection, observer)
            task.cancel()
            let error = await #expect(throws: PostgresError.self) { try await task.value }
            #expect(error?.code == .cancelled)
            #expect(await connection.transactionStatus == .idle)
            #expect(try await connection.query("SELECT count(*) FROM t").int64(0, 0) == 0)
        }
    }

    @Test("Anyone may cancel a statement, and a statement is not to blame for its predecessor")
    func fromOutside() async throws {
        try await withTwo { connection, observer in
            async let sleep = connection.query("SELECT pg_sleep(60)")
            try await waitUntilActive(connection, observer)
            connection.cancel()
            do {
                _ = try await sleep
                Issue.record("the statement was not cancelled")
            } catch let error as PostgresError {
                #expect(error.code == .cancelled)
            }
            // Requests that race with the end of a statement hit that statement or none.
            for number in 0..<200 {
                async let short = connection.query("SELECT 'cancellable'")
                if number.isMultiple(of: 2) { await Task.yield() }
                connection.cancel()
                _ = try? await short
                await connection.waitForCancellation()
                #expect(try await connection.query("SELECT 1").int32(0, 0) == 1)
            }
        }
    }

    @Test("A cancelled task sends nothing more")
    func beforehand() async throws {
        try await TestDatabase.withConnection { connection async throws in
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                try await connection.executeScript("CREATE TABLE never ()")
            }
            let error = await #expect(throws: PostgresError.self) { try await task.value }
            #expect(error?.code == .cancelled)
            #expect(try await connection.query("SELECT to_regclass('never')::text").isNull(0, 0))
        }
    }

    @Test("A COPY out that nobody waits for is cancelled as well")
    func copyOut() async throws {
        try await TestDatabase.withConnection { connection async throws in
            let readAll: @Sendable (isolated PostgresConnection) throws -> Void = { connection in
                try connection.beginCopyOut("COPY (SELECT generate_series(1, 100000000)) TO STDOUT (FORMAT binary)")
                withUnsafeCurrentTask { $0?.cancel() }
                while try connection.nextCopyRow({ _ in }) {}
            }
            let task = Task { try await readAll(connection) }
            let error = await #expect(throws: PostgresError.self) { try await task.value }
            #expect(error?.code == .cancelled)
            #expect(try await connection.query("SELECT 1").int32(0, 0) == 1)
        }
    }

    @Test("A cancelled COPY in leaves no rows")
    func copyIn() async throws {
        try await TestDatabase.withConnection { connection in
            try await connection.executeScript("CREATE TABLE t (id bigint)")
            let write: @Sendable (isolated PostgresConnection) throws -> Void = { connection in
                try connection.beginCopyIn("COPY t FROM STDIN")
                try connection.writeCopy(Array("1\n".utf8))
                withUnsafeCurrentTask { $0?.cancel() }
                try connection.writeCopy(Array("2\n".utf8))
            }
            let task = Task { try await write(connection) }
            let error = await #expect(throws: PostgresError.self) { try await task.value }
            #expect(error?.code == .cancelled)
            #expect(try await connection.query("SELECT count(*) FROM t").int64(0, 0) == 0)
        }
    }

    @Test("A statement that ran into the server's time limit was not cancelled by us")
    func timeLimit() async throws {
        try await TestDatabase.withConnection(PostgresOptions(settings: ["statement_timeout": "20ms"])) { connection in
            let error = await #expect(throws: PostgresError.self) { try await connection.query("SELECT pg_sleep(60)") }
            #expect(error?.code == .server)
            #expect(error?.sqlState == .queryCanceled)
        }
    }
}
