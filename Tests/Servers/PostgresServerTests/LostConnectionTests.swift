import Postgres
import TestSupport
import Testing

@Suite("A lost connection")
struct LostConnectionTests {
    private func expectLoss(
        _ connection: PostgresConnection,
        _ body: () async throws -> Void
    ) async {
        let error = await #expect(throws: PostgresError.self) { try await body() }
        #expect(error?.code == .connectionLost)
        #expect(error?.isTransient == true)
        #expect(error?.connectionIsLost == true)
        #expect(await !connection.isUsable)
        let next = await #expect(throws: PostgresError.self) { try await connection.query("SELECT 1") }
        #expect(next?.code == .connectionLost)
    }

    /// Ends the backend of `connection` and waits until it is gone.
    private func terminate(_ connection: PostgresConnection, _ other: PostgresConnection) async throws {
        let pid = PostgresValue.int32(connection.backendPID)
        try await other.execute("SELECT pg_terminate_backend($1)", [pid])
        try await wait(for: "the backend is gone") {
            try await other.query("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", [pid]).int64(0, 0) == 0
        }
    }

    private func withTwo(_ body: (PostgresConnection, PostgresConnection) async throws -> Void) async throws {
        try await TestDatabase.with { database in
            try await body(try await database.connect(), try await database.connect())
        }
    }

    @Test("is noticed by the next statement, with the server's reason")
    func idle() async throws {
        try await withTwo { connection, other in
            try await terminate(connection, other)
            await expectLoss(connection) {
                do {
                    try await connection.execute("SELECT 1")
                } catch let error as PostgresError {
                    #expect(error.sqlState == .adminShutdown)
                    throw error
                }
            }
        }
    }

    @Test("is noticed while a statement runs")
    func running() async throws {
        try await withTwo { connection, other in
            let sleep = Task { try await connection.query("SELECT pg_sleep(60)") }
            try await terminate(connection, other)
            let outcome = await sleep.result
            await expectLoss(connection) { _ = try outcome.get() }
        }
    }

    @Test("is noticed by a pipeline")
    func pipeline() async throws {
        try await withTwo { connection, other in
            let results = Task { try await connection.pipeline(["SELECT 1", "SELECT pg_sleep(60)", "SELECT 2"]) }
            try await terminate(connection, other)
            let outcome = await results.result
            await expectLoss(connection) { _ = try outcome.get() }
        }
    }

    @Test("is noticed in a transaction, which needs no rollback")
    func transaction() async throws {
        try await withTwo { connection, other in
            await expectLoss(connection) {
                try await connection.transaction { connection in
                    try connection.execute("SELECT 1")
                    try await terminate(connection, other)
                }
            }
        }
    }

    @Test("is noticed while rows stream out")
    func copyOut() async throws {
        try await withTwo { connection, other in
            try await connection.beginCopyOut("COPY (SELECT generate_series(1, 100000000)) TO STDOUT (FORMAT binary)")
            try await terminate(connection, other)
            func drain(_ connection: isolated PostgresConnection) throws {
                while try connection.nextCopyRow({ _ in }) {}
            }
            await expectLoss(connection) { try await drain(connection) }
        }
    }

    @Test("is noticed while rows stream in")
    func copyIn() async throws {
        try await withTwo { connection, other in
            try await connection.executeScript("CREATE TABLE t (id bigint)")
            try await connection.beginCopyIn("COPY t FROM STDIN")
            try await terminate(connection, other)
            let rows = Array(String(repeating: "1\n", count: 1_000_000).utf8)
            await expectLoss(connection) {
                for _ in 0..<4 { try await connection.writeCopy(rows) }
                _ = try await connection.endCopyIn()
            }
        }
    }

    @Test("is noticed while a COPY is given up")
    func cancelledCopy() async throws {
        try await withTwo { connection, other in
            try await connection.beginCopyOut("COPY (SELECT generate_series(1, 100000000)) TO STDOUT (FORMAT binary)")
            try await terminate(connection, other)
            await expectLoss(connection) { try await connection.cancelCopyOut() }
        }
    }

    @Test("is noticed by a listener")
    func listener() async throws {
        try await withTwo { connection, other in
            try await connection.listen("c")
            try await terminate(connection, other)
            await expectLoss(connection) { _ = try await connection.notifications(waitingUpTo: .seconds(60)) }
        }
    }

    @Test(
        "follows a server's restart, however it went down, and connecting anew works",
        arguments: [
            PrivatePostgres.StopMode.fast, .immediate,
        ]
    )
    func restart(mode: PrivatePostgres.StopMode) async throws {
        try await PrivatePostgres.with { server in
            let connection = try await PostgresConnection.connect(to: server.url)
            try await connection.executeScript("CREATE TABLE t (id bigint)")
            let sleep = Task { try await connection.query("SELECT pg_sleep(600)") }
            try await server.stop(mode)
            let outcome = await sleep.result
            await expectLoss(connection) { _ = try outcome.get() }
            let refused = await #expect(throws: PostgresError.self) {
                try await PostgresConnection.connect(to: server.url)
            }
            #expect(refused?.code == .connectionFailed)
            #expect(refused?.isTransient == true)
            try await server.start()
            let again = try await PostgresConnection.connect(to: server.url)
            #expect(try await again.query("SELECT count(*) FROM t").int64(0, 0) == 0)
            await again.close()
        }
    }
}
