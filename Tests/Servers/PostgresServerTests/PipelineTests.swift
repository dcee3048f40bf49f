import Postgres
import TestSupport
import Testing

@Suite("Pipelines")
struct PipelineTests {
    @Test("Outside a transaction a pipeline is all or nothing, and the first error is thrown")
    func allOrNothing() async throws {
        try await TestDatabase.withConnection { connection in
            try await connection.executeScript("CREATE TABLE t (id bigint)")
            let error = await #expect(throws: PostgresError.self) {
                try await connection.pipeline([
                    "INSERT INTO t VALUES (1)", "SELECT 1/0", "SELECT * FROM absent", "INSERT INTO t VALUES (2)",
                ])
            }
            #expect(error?.sqlState == SQLState("22012"))
            #expect(error?.operation == "query SELECT 1/0")
            #expect(try await connection.query("SELECT count(*) FROM t").int64(0, 0) == 0)
            #expect(await connection.transactionStatus == .idle)
        }
    }

    @Test("BEGIN and COMMIT may be members, and a failure between them leaves the failed transaction open")
    func explicitTransaction() async throws {
        try await TestDatabase.withConnection { connection in
            try await connection.executeScript("CREATE TABLE t (id bigint)")
            let results = try await connection.pipeline(["BEGIN", "INSERT INTO t VALUES (1)", "COMMIT"])
            #expect(results.map(\.affectedRows) == [0, 1, 0])
            await #expect(throws: PostgresError.self) {
                try await connection.pipeline(["BEGIN", "INSERT INTO t VALUES (2)", "SELECT 1/0", "COMMIT"])
            }
            #expect(await connection.transactionStatus == .inFailedTransaction)
            try await connection.execute("ROLLBACK")
            #expect(try await connection.query("SELECT count(*) FROM t").int64(0, 0) == 1)
        }
    }

    @Test("What the commit at the end is refused for is thrown, and the connection goes on")
    func refusedAtTheEnd() async throws {
        try await TestDatabase.withConnection { connection in
            try await connection.executeScript(
                "CREATE TABLE t (id bigint PRIMARY KEY, twin bigint REFERENCES t DEFERRABLE INITIALLY DEFERRED)"
            )
            let error = await #expect(throws: PostgresError.self) {
                try await connection.pipeline(["INSERT INTO t VALUES (1, 99)", "SELECT 1"])
            }
            #expect(error?.sqlState == SQLState("23503"))
            #expect(await connection.transactionStatus == .idle)
            #expect(try await connection.query("SELECT count(*) FROM t").int64(0, 0) == 0)
        }
    }

    @Test("Each statement has a snapshot of its own")
    func snapshots() async throws {
        try await TestDatabase.with { database in
            let reader = try await database.connect()
            let writer = try await database.connect()
            try await writer.executeScript("CREATE TABLE t (id bigint); SELECT pg_advisory_lock(1)")
            async let counts = reader.pipeline([
                "SELECT count(*) FROM t", "SELECT pg_advisory_xact_lock(1)", "SELECT count(*) FROM t",
            ])
            try await wait(for: "the reader waits for the lock") {
                try await writer.query("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
                    .int64(0, 0) == 1
            }
            try await writer.execute("INSERT INTO t VALUES (1)")
            try await writer.execute("SELECT pg_advisory_unlock(1)")
            let results = try await counts
            #expect(try results[0].int64(0, 0) == 0)
            #expect(try results[2].int64(0, 0) == 1)
        }
    }

    @Test("A pipeline that fills the buffers of both directions does not block")
    func largeBothWays() async throws {
        try await TestDatabase.withConnection { connection in
            let text = String(repeating: "x", count: 100_000)
            let results = try await connection.pipeline(
                (0..<300).map { _ in PostgresStatement("SELECT $1 || $1", [.text(text)]) }
            )
            #expect(results.count == 300)
            #expect(try results.allSatisfy { try $0.text(0, 0).utf8.count == 200_000 })
        }
    }

    @Test("Nothing is sent when one of the parameters cannot be")
    func invalidParameter() async throws {
        try await TestDatabase.withConnection { connection in
            try await connection.executeScript("CREATE TABLE t (id bigint)")
            let error = await #expect(throws: PostgresError.self) {
                try await connection.pipeline([
                    "INSERT INTO t VALUES (1)", "COMMIT", PostgresStatement("SELECT $1", [.json("\0")]),
                ])
            }
            #expect(error?.code == .invalidParameter)
            #expect(try await connection.query("SELECT count(*) FROM t").int64(0, 0) == 0)
        }
    }

    @Test("A COPY in a pipeline is refused and costs the connection")
    func copy() async throws {
        try await TestDatabase.withConnection { connection in
            let error = await #expect(throws: PostgresError.self) {
                try await connection.pipeline(["SELECT 1", "COPY (SELECT 1) TO STDOUT", "SELECT 2"])
            }
            #expect(error?.code == .misuse)
            #expect(await !connection.isUsable)
        }
    }

    @Test("An empty pipeline asks nobody")
    func empty() async throws {
        try await TestDatabase.withConnection { connection async throws in
            #expect(try await connection.pipeline([]).isEmpty)
        }
    }
}
