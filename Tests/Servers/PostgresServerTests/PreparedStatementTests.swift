import Postgres
import TestSupport
import Testing

@Suite("Prepared statements")
struct PreparedStatementTests {
    private func preparedCount(_ connection: PostgresConnection) async throws -> Int64 {
        // Not worth preparing in the cache's eyes, so it does not count itself.
        try await connection.query("TABLE prepared_count").int64(0, 0)
    }

    private func createCount(_ connection: PostgresConnection) async throws {
        try await connection.executeScript(
            "CREATE VIEW prepared_count AS SELECT count(*) FROM pg_prepared_statements WHERE NOT from_sql"
        )
    }

    @Test("A statement is prepared once, also when a parameter is NULL now and then")
    func once() async throws {
        try await TestDatabase.withConnection { connection in
            try await createCount(connection)
            for number in 0..<20 {
                let value: PostgresValue = number.isMultiple(of: 3) ? .null : .text("x")
                let result = try await connection.query("SELECT coalesce($1, 'none')", [value])
                #expect(try result.text(0, 0) == (number.isMultiple(of: 3) ? "none" : "x"))
            }
            #expect(try await preparedCount(connection) == 1)
        }
    }

    @Test("Statements that differ only in how a character is composed are two")
    func canonicalEquivalence() async throws {
        try await TestDatabase.withConnection { connection in
            for text in ["caf\u{e9}", "cafe\u{301}"] {
                let found = try await connection.query("SELECT '\(text)'::text").text(0, 0)
                #expect(found.utf8.elementsEqual(text.utf8))
            }
        }
    }

    @Test("Only so many statements stay prepared, and the least recently used makes room")
    func eviction() async throws {
        try await TestDatabase.withConnection(PostgresOptions(preparedStatementLimit: 4)) { connection in
            try await createCount(connection)
            for number in 0..<50 {
                #expect(try await connection.query("SELECT \(number)").int32(0, 0) == Int32(number))
                #expect(try await connection.query("SELECT 'kept'").text(0, 0) == "kept")
            }
            // The name that made room last is given back with the next statement prepared.
            #expect(try await preparedCount(connection) <= 5)
        }
    }

    @Test("A pipeline longer than the cache runs")
    func evictionWithinPipeline() async throws {
        try await TestDatabase.withConnection(PostgresOptions(preparedStatementLimit: 2)) { connection in
            let results = try await connection.pipeline((0..<20).map { PostgresStatement("SELECT \($0 % 5)") })
            #expect(try results.map { try $0.int32(0, 0) } == (0..<20).map { Int32($0 % 5) })
        }
    }

    @Test("A changed table makes the server refuse the old plan, which the caller does not notice")
    func changedTable() async throws {
        try await TestDatabase.withConnection { connection in
            try await connection.executeScript("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
            #expect(try await connection.query("SELECT * FROM t").columnNames == ["a"])
            try await connection.executeScript("ALTER TABLE t ADD b int")
            #expect(try await connection.query("SELECT * FROM t").columnNames == ["a", "b"])
        }
    }

    @Test("Inside a transaction the refused plan is transient, and the next transaction works")
    func changedTableInTransaction() async throws {
        try await TestDatabase.withConnection { connection in
            try await connection.executeScript("CREATE TABLE t (a int)")
            try await connection.execute("SELECT * FROM t")
            try await connection.executeScript("ALTER TABLE t ADD b int")
            func read() async throws -> [String] {
                try await connection.transaction { connection in try connection.query("SELECT * FROM t").columnNames }
            }
            let error = await #expect(throws: PostgresError.self) { try await read() }
            #expect(error?.isTransient == true)
            #expect(try await read() == ["a", "b"])
        }
    }

    @Test("Statements that something else threw away are prepared anew")
    func discarded() async throws {
        try await TestDatabase.withConnection { connection in
            try await connection.execute("SELECT 1")
            try await connection.executeScript("DEALLOCATE ALL")
            #expect(try await connection.query("SELECT 1").int32(0, 0) == 1)
        }
    }

    @Test("A statement that failed to prepare works once its table exists")
    func failedPreparation() async throws {
        try await TestDatabase.withConnection { connection in
            await #expect(throws: PostgresError.self) { try await connection.query("SELECT count(*) FROM later") }
            try await connection.executeScript("CREATE TABLE later ()")
            #expect(try await connection.query("SELECT count(*) FROM later").int64(0, 0) == 0)
        }
    }

    @Test("Somebody else's prepared statements in the same session are answered with a hint at poolers")
    func foreignNames() async throws {
        try await TestDatabase.withConnection { connection async throws in
            for number in 1...10 { try await connection.executeScript("PREPARE refold_\(number) AS SELECT 1") }
            let error = await #expect(throws: PostgresError.self) { try await connection.query("SELECT 1") }
            #expect(error?.sqlState == .duplicatePreparedStatement)
            #expect(error?.description.contains("preparesStatements") == true)
        }
    }

    @Test("Behind a pooler nothing is prepared")
    func unprepared() async throws {
        try await TestDatabase.withConnection(PostgresOptions(preparesStatements: false)) { connection in
            try await createCount(connection)
            #expect(try await connection.query("SELECT $1", [.int64(1)]).int64(0, 0) == 1)
            _ = try await connection.pipeline(["SELECT 1", "SELECT 2"])
            #expect(try await preparedCount(connection) == 0)
        }
    }
}

@Suite("The cache of prepared statements")
struct StatementCacheTests {
    @Test("prepares on first use and executes afterwards")
    func reuse() {
        var cache = StatementCache(limit: 2)
        let plan = cache.plan("a", types: [20])
        guard case .prepare(let name, let types) = plan else { return #expect(Bool(false)) }
        #expect(types == [20])
        #expect(cache.plan("a", types: [20]) == .execute(name: name))
        #expect(cache.plan("a", types: [0]) == .execute(name: name))
    }

    @Test("prepares anew for other types and remembers the known ones")
    func otherTypes() {
        var cache = StatementCache(limit: 2)
        _ = cache.plan("a", types: [20, 0])
        guard case .prepare(_, let types) = cache.plan("a", types: [0, 25]) else { return #expect(Bool(false)) }
        #expect(types == [20, 25])
        #expect(cache.takeAbandonedNames().count == 1)
        #expect(cache.count == 1)
    }

    @Test("gives the least recently used name back when full")
    func eviction() {
        var cache = StatementCache(limit: 2)
        guard case .prepare(let first, _) = cache.plan("a", types: []) else { return #expect(Bool(false)) }
        guard case .prepare(let second, _) = cache.plan("b", types: []) else { return #expect(Bool(false)) }
        #expect(cache.plan("a", types: []) == .execute(name: first))
        _ = cache.plan("c", types: [])
        #expect(cache.takeAbandonedNames() == [second])
        #expect(cache.plan("a", types: []) == .execute(name: first))
    }

    @Test(
        "knows which statements are worth preparing",
        arguments: [
            ("select 1", true), (" \n(WITH x AS", true), ("Insert into", true), ("MERGE INTO", true),
            ("VALUES (1)", true),
            ("CREATE TABLE select", false), ("SET x", false), ("selection", false), ("", false),
            ("-- x\nSELECT", false),
        ]
    )
    func worth(sql: String, isWorth: Bool) {
        #expect(StatementCache.isWorthPreparing(sql) == isWorth)
    }
}
