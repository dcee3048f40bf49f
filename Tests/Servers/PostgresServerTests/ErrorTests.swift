import Postgres
import TestSupport
import Testing

@Suite("Errors")
struct ErrorTests {
    @Test("A violated constraint is named, and the row's values stay out of the description")
    func constraint() async throws {
        try await TestDatabase.withConnection { connection in
            try await connection.executeScript("CREATE TABLE t (name text CONSTRAINT one_name PRIMARY KEY)")
            try await connection.execute("INSERT INTO t VALUES ($1)", [.text("secret")])
            let error = await #expect(throws: PostgresError.self) {
                try await connection.execute("INSERT INTO t VALUES ($1)", [.text("secret")])
            }
            #expect(error?.code == .server)
            #expect(error?.sqlState == .uniqueViolation)
            #expect(error?.constraint == "one_name")
            #expect(error?.table == "public.t")
            #expect(error?.detail?.contains("secret") == true)
            #expect(error?.isDataError == true)
            #expect(error?.isTransient == false)
            #expect(error?.address == connection.address)
            #expect(error?.operation == "query INSERT INTO t VALUES ($1)")
            #expect(error?.description.contains("secret") == false)
            #expect(error?.description.contains("one_name") == true)
        }
    }

    @Test("What a data exception quotes stays out of the description")
    func dataException() async throws {
        try await TestDatabase.withConnection { connection in
            let error = await #expect(throws: PostgresError.self) {
                try await connection.query("SELECT $1::int", [.text(#"se"cr"et"#)])
            }
            #expect(error?.sqlState == SQLState("22P02"))
            #expect(error?.message.contains("cr") == true)
            #expect(error?.description.contains("cr") == false)
            #expect(error?.isDataError == true)
        }
    }

    @Test("A NUL character is a data error, whatever the parameter's format")
    func nulCharacter() async throws {
        try await TestDatabase.withConnection { connection async throws in
            for value in [PostgresValue.text("a\0b"), .json("1\0"), .uuid("\0")] {
                let error = await #expect(throws: PostgresError.self) {
                    try await connection.query("SELECT $1", [value])
                }
                #expect(error?.isDataError == true)
            }
            #expect(try await connection.query("SELECT 1::int8").int64(0, 0) == 1)
        }
    }

    @Test("More parameters than the protocol can count are refused, and the most it can are not")
    func manyParameters() async throws {
        try await TestDatabase.withConnection { connection async throws in
            func select(_ count: Int) -> String { "SELECT " + (1...count).map { "$\($0)" }.joined(separator: "+") }
            let error = await #expect(throws: PostgresError.self) {
                try await connection.query(select(1), Array(repeating: .int64(1), count: 65536))
            }
            #expect(error?.code == .invalidParameter)
            let most = Array(repeating: Int64(1), count: 65535)
            let sum =
                "SELECT (SELECT sum(n)::int8 FROM unnest(ARRAY[\((1...65535).map { "$\($0)" }.joined(separator: ","))]) n)"
            #expect(try await connection.query(sum, most.map { .int64($0) }).int64(0, 0) == 65535)
        }
    }

    @Test("A value of another type is refused with the column's name and both types")
    func decoding() async throws {
        try await TestDatabase.withConnection { connection in
            let result = try await connection.query(
                "SELECT 1.5::numeric AS price, NULL::text AS note, 5::int8 AS large"
            )
            func message(_ body: () throws -> Void) -> String? {
                #expect(throws: PostgresError.self) { try body() }?.message
            }
            #expect(message { _ = try result.double(0, "price") }?.contains("price") == true)
            #expect(message { _ = try result.double(0, "price") }?.contains("numeric") == true)
            #expect(
                message { _ = try result.text(0, "note") } == "column note, row 0: expected a text type, found NULL"
            )
            #expect(message { _ = try result.int32(0, "large") }?.contains("found bigint") == true)
            #expect(message { _ = try result.text(0, "absent") }?.contains("absent, only price, note, large") == true)
            #expect(message { _ = try result.text(0, 3) }?.contains("no column 3") == true)
            #expect(message { _ = try result.text(1, 0) }?.contains("no row 1") == true)
        }
    }

    @Test("SQLSTATEs tell what may be repeated")
    func transience() {
        func isTransient(_ state: String) -> Bool {
            var error = PostgresError(.server, operation: "test", message: "")
            error.sqlState = SQLState(state)
            return error.isTransient
        }
        // One of every class at least. https://www.postgresql.org/docs/current/errcodes-appendix.html
        let passing = [
            "08000", "08001", "08003", "08004", "08006", "08007", "08P01", "25006", "25P03", "25P04", "40000", "40001",
            "40003", "40P01", "53000", "53100", "53200", "53300", "53400", "55006", "55P03", "57000", "57014", "57P01",
            "57P02", "57P03", "57P05", "58000", "58030", "58P01", "58P02", "72000",
        ]
        let lasting = [
            "00000", "01000", "02000", "03000", "09000", "0A000", "0B000", "0F000", "0L000", "0P000", "0Z000", "20000",
            "21000", "22P02", "23505", "24000", "25000", "25001", "25P01", "25P02", "27000", "28000", "28P01", "2B000",
            "2D000", "2F000", "34000", "38000", "39000", "3B000", "3D000", "3F000", "40002", "42501", "42601", "42P01",
            "44000", "54000", "55000", "55P02", "55P04", "57P04", "F0000", "HV000", "P0001", "XX000", "XX001", "XX002",
        ]
        for state in passing { #expect(isTransient(state), "\(state)") }
        for state in lasting { #expect(!isTransient(state), "\(state)") }
        var ours = PostgresError(.cancelled, operation: "test", message: "")
        ours.sqlState = .queryCanceled
        #expect(!ours.isTransient)
    }

    @Test("Limits of the server that data exceed are the data's fault, and so are values that no message holds")
    func limits() {
        var error = PostgresError(.server, operation: "test", message: "")
        for (state, expected) in [("22000", true), ("23514", true), ("54000", true), ("54001", true), ("55000", false)]
        {
            error.sqlState = SQLState(state)
            #expect(error.isDataError == expected, "\(state)")
        }
        var buffer = ParameterBuffer(byteLimit: 100)
        #expect(throws: Never.self) { try buffer.encode([.text(String(repeating: "x", count: 90))]) }
        let half = String(repeating: "x", count: 60)
        for values in [[.bytes(Array(repeating: 0, count: 101))], [.text(half), .json(half)]] as [[PostgresValue]] {
            let error = #expect(throws: PostgresError.self) { try buffer.encode(values) }
            #expect(error?.isDataError == true)
            #expect(error?.message.contains("parameter $\(values.count) ") == true)
        }
    }

    @Test("Quotes and commas are found whatever follows them, a combining mark included")
    func combiningMarks() {
        var error = PostgresError(.server, operation: "test", message: "invalid input: \"\u{301}secret\"")
        error.sqlState = SQLState("22P02")
        #expect(!error.description.contains("secret"))
        error.context = "COPY t, line 17,\u{301} column x: \"1\""
        #expect(error.copyRow == 17)
    }

    @Test("A long statement is cut in the error's operation")
    func longStatement() async throws {
        try await TestDatabase.withConnection { connection in
            let error = await #expect(throws: PostgresError.self) {
                try await connection.query("SELECT nothing,\n   " + String(repeating: "x", count: 1000))
            }
            #expect(error?.sqlState == .undefinedColumn)
            #expect(error?.operation.hasPrefix("query SELECT nothing, xxx") == true)
            #expect((error?.operation.count ?? 1000) < 100)
        }
    }

    @Test("Quoted identifiers and literals mean themselves")
    func quoting() async throws {
        try await TestDatabase.withConnection { connection in
            for name in ["plain", "Some \"name\"", "naïve 🦊", "a;b", #"back\slash"#, "quote's"] {
                try await connection.executeScript(
                    "CREATE TABLE \(quoteIdentifier("public", name)) AS SELECT \(quoteLiteral(name)) AS \(quoteIdentifier(name))"
                )
                let result = try await connection.query("SELECT * FROM \(quoteIdentifier(name))")
                #expect(result.columnNames == [name])
                #expect(try result.text(0, name) == name)
            }
        }
    }
}
