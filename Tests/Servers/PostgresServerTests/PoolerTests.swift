import Postgres
import TestSupport
import Testing

/// All clients of a database share two sessions with the server, so what one leaves behind another one finds.
@Suite("Behind PgBouncer in transaction mode")
struct PoolerTests {
    private static var options: PostgresOptions {
        var options = PostgresOptions()
        options.settings["refold.note"] = #"it's a \ note"#
        return options
    }

    private func withPooler(
        _ body: @Sendable (_ connect: (PostgresOptions) async throws -> PostgresConnection) async throws -> Void
    ) async throws {
        try await TestDatabase.with { database in
            let direct = try await database.connect()
            try await direct.executeScript(
                "ALTER DATABASE \(quoteIdentifier(database.name)) SET statement_timeout = '7min'"
            )
            try await PrivatePgBouncer.with(before: database.url, sessions: 2) { bouncer in
                try await body { try await PostgresConnection.connect(to: bouncer.url(to: database.name), $0) }
            }
        }
    }

    private let look = "SELECT current_setting('refold.note', true), current_setting('TimeZone'), 'x'::text"

    private func expectSettings(_ result: PostgresResult) throws {
        #expect(try result.text(0, 0) == Self.options.settings["refold.note"])
        #expect(try result.text(0, 1) == "UTC")
    }

    @Test("A pooler is recognised, and a server is not taken for one")
    func recognised() async throws {
        try await withPooler { connect in
            #expect(try await connect(PostgresOptions()).isPooled)
            let direct = try await PostgresConnection.connect(to: TestServers.databaseURL)
            #expect(!direct.isPooled)
            await direct.close()
        }
    }

    @Test("The settings hold for every statement, and for no other client")
    func settings() async throws {
        try await withPooler { connect in
            let session = try await connect(Self.options)
            let other = try await connect(PostgresOptions(settings: [:]))
            func expectNoLeak() async throws {
                let (mine, theirs) = (Self.options.settings["refold.note"], try await other.query(look).rows[0])
                #expect(try theirs.optionalText(0) != mine)
                #expect(try await other.query("SHOW statement_timeout").text(0, 0) == "7min")
            }
            try await session.executeScript(
                "CREATE TABLE t (id bigint, note text DEFAULT current_setting('refold.note', true))"
            )
            try await expectNoLeak()
            try expectSettings(try await session.query(look))
            #expect(try await session.query("SHOW statement_timeout").text(0, 0) == "0")
            try expectSettings(try await session.query(look + " WHERE $1", [.bool(true)]))
            for result in try await session.pipeline([PostgresStatement(look), PostgresStatement(look)]) {
                try expectSettings(result)
            }
            let results = try await session.pipeline([
                "BEGIN ISOLATION LEVEL REPEATABLE READ", PostgresStatement(look), "COMMIT", PostgresStatement(look),
            ])
            #expect(results.count == 4)
            try expectSettings(results[1])
            try expectSettings(results[3])
            for mode in [TransactionMode.readCommitted, .serializable, .readOnlySnapshot] {
                try expectSettings(try await session.transaction(mode) { try $0.query(look) })
            }
            try await session.executeScript("INSERT INTO t (id) VALUES (1); INSERT INTO t (id) VALUES (2)")
            #expect(try await session.copyIn("COPY t (id) FROM STDIN", [Array("3\n".utf8)]) == 1)
            #expect(
                try await session.query("SELECT count(*) FROM t WHERE note = current_setting('refold.note')")
                    .int64(0, 0) == 3
            )
            let copied: @Sendable (isolated PostgresConnection) throws -> [String] = { connection in
                try connection.beginCopyOut("COPY (SELECT current_setting('TimeZone')) TO STDOUT (FORMAT binary)")
                var found: [String] = []
                while try connection.nextCopyRow({ found.append(try $0.text(0)) }) {}
                return found
            }
            #expect(try await copied(session) == ["UTC"])
            for _ in 0..<4 { try await expectNoLeak() }
        }
    }

    @Test("Statements run on whichever session is free, in any order")
    func manyClients() async throws {
        try await withPooler { connect in
            let clients = [
                try await connect(PostgresOptions()), try await connect(PostgresOptions()),
                try await connect(PostgresOptions()),
            ]
            try await clients[0].executeScript("CREATE TABLE t (id bigint)")
            try await withThrowingTaskGroup { group in
                for client in clients {
                    group.addTask {
                        for number in 0..<50 {
                            let value = PostgresValue.int64(Int64(number))
                            try await client.execute("INSERT INTO t VALUES ($1)", [value])
                            try await client.transaction { _ = try $0.execute("INSERT INTO t VALUES ($1)", [value]) }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await clients[0].query("SELECT count(*) FROM t").int64(0, 0) == 300)
        }
    }

    @Test("What fails leaves nothing behind, and the connection goes on")
    func failures() async throws {
        try await withPooler { connect in
            let connection = try await connect(PostgresOptions())
            try await connection.executeScript(
                "CREATE TABLE t (id bigint PRIMARY KEY, twin bigint REFERENCES t DEFERRABLE INITIALLY DEFERRED)"
            )
            func expectFailure(_ state: String, _ body: () async throws -> Void) async throws {
                let error = await #expect(throws: PostgresError.self) { try await body() }
                #expect(error?.sqlState == SQLState(state))
                if await connection.transactionStatus == .inFailedTransaction {
                    try await connection.execute("ROLLBACK")
                }
                #expect(await connection.transactionStatus == .idle)
                #expect(try await connection.query("SELECT count(*) FROM t").int64(0, 0) == 0)
            }
            try await expectFailure("22012") { try await connection.execute("SELECT 1/0") }
            try await expectFailure("23503") { try await connection.execute("INSERT INTO t VALUES (1, 99)") }
            try await expectFailure("22012") {
                try await connection.pipeline(["BEGIN", "INSERT INTO t VALUES (1)", "SELECT 1/0", "COMMIT"])
            }
            try await expectFailure("22012") {
                try await connection.executeScript("INSERT INTO t VALUES (1); SELECT 1/0")
            }
            try await expectFailure("22P02") { try await connection.copyIn("COPY t FROM STDIN", [Array("x\n".utf8)]) }
            try await expectFailure("42P01") { try await connection.copyIn("COPY absent FROM STDIN", []) }
            try await expectFailure("42P01") {
                try await connection.beginCopyOut("COPY absent TO STDOUT (FORMAT binary)")
            }
            try await expectFailure("22012") {
                try await connection.transaction {
                    try $0.execute("INSERT INTO t VALUES (1)")
                    try $0.execute("SELECT 1/0")
                }
            }
        }
    }

    @Test("Cancelling reaches the statement and not another client's")
    func cancel() async throws {
        try await withPooler { connect in
            let connection = try await connect(PostgresOptions())
            let observer = try await connect(PostgresOptions())
            let task = Task { try await connection.query("SELECT pg_sleep(600)") }
            try await wait(for: "the statement runs") {
                try await observer.query("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
                    .int64(0, 0) >= 1
            }
            task.cancel()
            let error = await #expect(throws: PostgresError.self) { try await task.value }
            #expect(error?.code == .cancelled)
            for _ in 0..<10 {
                #expect(try await connection.query("SELECT 1").int32(0, 0) == 1)
                #expect(try await observer.query("SELECT 1").int32(0, 0) == 1)
            }
        }
    }

    @Test("What cannot run in a transaction is sent bare; listening is refused")
    func bare() async throws {
        try await withPooler { connect in
            let connection = try await connect(PostgresOptions())
            try await connection.executeScript("CREATE TABLE t (id bigint)")
            let error = await #expect(throws: PostgresError.self) { try await connection.executeScript("VACUUM t") }
            #expect(error?.sqlState == SQLState("25001"))
            try await connection.executeOutsideTransaction("VACUUM t")
            let refused = await #expect(throws: PostgresError.self) { try await connection.listen("c") }
            #expect(refused?.code == .misuse)
        }
    }

    @Test("A setting that the server does not know is an error that names it")
    func unknownSetting() async throws {
        try await withPooler { connect in
            let error = await #expect(throws: PostgresError.self) {
                _ = try await connect(PostgresOptions(settings: ["no_such_setting": "1", "TimeZone": "UTC"]))
            }
            #expect(error?.message.contains("no_such_setting") == true)
        }
    }
}
