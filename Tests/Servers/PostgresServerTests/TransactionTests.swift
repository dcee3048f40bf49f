import Postgres
import TestSupport
import Testing

@Suite("Transactions")
struct TransactionTests {
    private func withTable(_ body: (PostgresConnection) async throws -> Void) async throws {
        try await TestDatabase.withConnection { connection in
            try await connection.executeScript(
                "CREATE TABLE t (id bigint PRIMARY KEY, twin bigint REFERENCES t DEFERRABLE INITIALLY DEFERRED)"
            )
            try await body(connection)
            #expect(await connection.transactionStatus == .idle)
        }
    }

    private func count(_ connection: PostgresConnection) async throws -> Int64 {
        try await connection.query("SELECT count(*) FROM t").int64(0, 0)
    }

    @Test("A failure that the body hid does not look like a commit")
    func hiddenFailure() async throws {
        try await withTable { connection async throws in
            let error = await #expect(throws: PostgresError.self) {
                try await connection.transaction { connection async throws in
                    try connection.execute("INSERT INTO t VALUES (1)")
                    _ = try? connection.query("SELECT 1/0")
                }
            }
            #expect(error?.code == .rolledBack)
            #expect(try await count(connection) == 0)
        }
    }

    @Test("What COMMIT itself refuses is thrown")
    func refusedCommit() async throws {
        try await withTable { connection async throws in
            let error = await #expect(throws: PostgresError.self) {
                try await connection.transaction { connection async throws in
                    try connection.execute("INSERT INTO t VALUES (1, 99)")
                }
            }
            #expect(error?.sqlState == SQLState("23503"))
            #expect(try await count(connection) == 0)
        }
    }

    @Test("Transactions do not nest")
    func nesting() async throws {
        try await withTable { connection async throws in
            let error = await #expect(throws: PostgresError.self) {
                try await connection.transaction { connection in
                    try await connection.transaction { _ in }
                }
            }
            #expect(error?.code == .misuse)
        }
    }

    @Test("A body that ends the transaction itself is told so")
    func endedByBody() async throws {
        try await withTable { connection async throws in
            let error = await #expect(throws: PostgresError.self) {
                try await connection.transaction { connection in try connection.execute("ROLLBACK") }
            }
            #expect(error?.code == .misuse)
        }
    }

    @Test("A COPY left open is ended by the rollback")
    func openCopy() async throws {
        try await withTable { connection async throws in
            for sql in ["COPY t FROM STDIN", "COPY (SELECT generate_series(1, 1000000)) TO STDOUT (FORMAT binary)"] {
                let error = await #expect(throws: PostgresError.self) {
                    try await connection.transaction { connection async throws in
                        if sql.hasPrefix("COPY t") {
                            try connection.beginCopyIn(sql)
                            try connection.writeCopy(Array("1\t\\N\n".utf8))
                        } else {
                            try connection.beginCopyOut(sql)
                        }
                    }
                }
                #expect(error?.code == .misuse)
                #expect(await connection.transactionStatus == .idle)
                #expect(try await count(connection) == 0)
            }
        }
    }

    @Test("A read-only snapshot neither writes nor moves")
    func snapshot() async throws {
        try await TestDatabase.with { database in
            let connection = try await database.connect()
            let other = try await database.connect()
            try await connection.executeScript("CREATE TABLE t (id bigint)")
            let counts = try await connection.transaction(.readOnlySnapshot) { connection in
                let before = try connection.query("SELECT count(*) FROM t").int64(0, 0)
                try await other.execute("INSERT INTO t VALUES (1)")
                return [before, try connection.query("SELECT count(*) FROM t").int64(0, 0)]
            }
            #expect(counts == [0, 0])
            let error = await #expect(throws: PostgresError.self) {
                try await connection.transaction(.readOnlySnapshot) { connection in
                    try connection.execute("DELETE FROM t")
                }
            }
            #expect(error?.sqlState == .readOnlyTransaction)
        }
    }

    @Test("A conflict between serializable transactions is transient")
    func conflict() async throws {
        try await TestDatabase.with { database in
            let connection = try await database.connect()
            let other = try await database.connect()
            try await connection.executeScript("CREATE TABLE t (id bigint); INSERT INTO t VALUES (1)")
            let error = await #expect(throws: PostgresError.self) {
                try await connection.transaction(.repeatableRead) { connection in
                    try connection.execute("SELECT * FROM t")
                    try await other.execute("UPDATE t SET id = 2")
                    try connection.execute("UPDATE t SET id = 3")
                }
            }
            #expect(error?.sqlState == .serializationFailure)
            #expect(error?.isTransient == true)
        }
    }
}
