import Postgres
import TestSupport
import Testing

@Suite("COPY")
struct CopyTests {
    private func ids(_ connection: isolated PostgresConnection, _ query: String) throws -> [Int64] {
        var ids: [Int64] = []
        try connection.beginCopyOut("COPY (\(query)) TO STDOUT (FORMAT binary)")
        while try connection.nextCopyRow({ ids.append(try $0.int64(0)) }) {}
        return ids
    }

    @Test("Every kind of field is read, NULLs included")
    func fields() async throws {
        try await TestDatabase.withConnection { connection in
            func check(_ connection: isolated PostgresConnection) throws {
                try connection.beginCopyOut(
                    """
                    COPY (SELECT 1::int8, 2::int4, 3::int2, -0.5::float8, true, 'naïve', NULL::text, '',
                        '2000-01-01 00:00:01Z'::timestamptz) TO STDOUT (FORMAT binary)
                    """
                )
                let hasRow = try connection.nextCopyRow { row throws in
                    #expect(row.fieldCount == 9)
                    #expect(try row.int64(0) == 1)
                    #expect(try row.int32(1) == 2)
                    #expect(try row.int16(2) == 3)
                    #expect(try row.double(3) == -0.5)
                    #expect(try row.bool(4))
                    #expect(try row.text(5) == "naïve")
                    #expect(row.isNull(6) && !row.isNull(7))
                    #expect(try row.bytes(7).isEmpty)
                    #expect(try row.int64(8) == 1_000_000)
                    do throws(PostgresError) {
                        _ = try row.int64(1)
                        Issue.record("an integer was read as a bigint")
                    } catch {
                        #expect(error.message == "field 1 has 4 bytes instead of 8")
                    }
                    do throws(PostgresError) {
                        _ = try row.text(6)
                        Issue.record("a NULL was read")
                    } catch {
                        #expect(error.message == "field 6 is NULL")
                    }
                }
                #expect(hasRow)
                #expect(try !connection.nextCopyRow { _ in })
            }
            try await check(connection)
        }
    }

    @Test("No rows, rows without columns and rows of many megabytes are read")
    func extremes() async throws {
        try await TestDatabase.withConnection { connection async throws in
            #expect(try await ids(connection, "SELECT 1::int8 WHERE false").isEmpty)
            func sizes(_ connection: isolated PostgresConnection, _ query: String) throws -> [Int] {
                var sizes: [Int] = []
                try connection.beginCopyOut("COPY (\(query)) TO STDOUT (FORMAT binary)")
                while try connection.nextCopyRow({ row in
                    sizes.append(row.fieldCount == 0 ? 0 : try row.bytes(0).count)
                }) {}
                return sizes
            }
            #expect(try await sizes(connection, "SELECT FROM generate_series(1, 3)") == [0, 0, 0])
            #expect(
                try await sizes(connection, "SELECT repeat('x', n * 9999999) FROM generate_series(0, 3) n")
                    == [0, 9_999_999, 19_999_998, 29_999_997]
            )
        }
    }

    @Test("A COPY may be ended early, after a row, before the first, and when its body throws")
    func endedEarly() async throws {
        try await TestDatabase.withConnection { connection in
            struct Stop: Error {}
            func readSome(_ connection: isolated PostgresConnection, _ count: Int) throws {
                try connection.beginCopyOut(
                    "COPY (SELECT generate_series(1, 10000000)::int8) TO STDOUT (FORMAT binary)"
                )
                #expect(connection.transactionStatus == .active)
                for _ in 0..<count { _ = try connection.nextCopyRow { _ in } }
                #expect(throws: Stop.self) { try connection.nextCopyRow { _ in throw Stop() } }
                try connection.cancelCopyOut()
                try connection.cancelCopyOut()
                #expect(connection.transactionStatus == .idle)
            }
            for count in [0, 1, 10_000] { try await readSome(connection, count) }
            #expect(try await ids(connection, "SELECT 7::int8") == [7])
        }
    }

    @Test("A COPY whose rows have all arrived is ended early without harm")
    func endedAfterTheLast() async throws {
        try await TestDatabase.withConnection { connection in
            for _ in 0..<20 {
                func readOne(_ connection: isolated PostgresConnection) throws {
                    try connection.beginCopyOut("COPY (SELECT 1::int8) TO STDOUT (FORMAT binary)")
                    _ = try connection.nextCopyRow { _ in }
                    try connection.cancelCopyOut()
                }
                try await readOne(connection)
                #expect(try await connection.query("SELECT 1").int32(0, 0) == 1)
            }
        }
    }

    @Test("A failure in the middle of a COPY out is thrown after the rows before it")
    func failingOut() async throws {
        try await TestDatabase.withConnection { connection in
            func count(_ connection: isolated PostgresConnection) throws -> (Int, PostgresError?) {
                var count = 0
                do {
                    try connection.beginCopyOut(
                        "COPY (SELECT 1/(5000-n) FROM generate_series(1,9999) n) TO STDOUT (FORMAT binary)"
                    )
                    while try connection.nextCopyRow({ _ in count += 1 }) {}
                } catch let error as PostgresError {
                    return (count, error)
                }
                return (count, nil)
            }
            let (rows, error) = try await count(connection)
            #expect(rows == 4999)
            #expect(error?.sqlState == SQLState("22012"))
            #expect(try await connection.query("SELECT 1").int32(0, 0) == 1)
        }
    }

    @Test("The wrong statement for a COPY is refused, and the connection goes on")
    func wrongStatements() async throws {
        try await TestDatabase.withConnection { connection in
            try await connection.executeScript("CREATE TABLE t (id bigint)")
            func refuse(_ code: PostgresError.Code, _ body: () async throws -> Void) async throws {
                let error = await #expect(throws: PostgresError.self) { try await body() }
                #expect(error?.code == code)
                #expect(await connection.transactionStatus == .idle)
            }
            try await refuse(.misuse) { try await connection.beginCopyOut("COPY t FROM STDIN (FORMAT binary)") }
            try await refuse(.misuse) { try await connection.beginCopyOut("COPY t TO STDOUT") }
            try await refuse(.misuse) { try await connection.beginCopyOut("SELECT 1") }
            try await refuse(.server) { try await connection.beginCopyOut("COPY absent TO STDOUT (FORMAT binary)") }
            try await refuse(.misuse) { try await connection.beginCopyIn("COPY t TO STDOUT (FORMAT binary)") }
            try await refuse(.misuse) { try await connection.beginCopyIn("") }
            try await refuse(.misuse) { try await connection.execute("COPY t TO STDOUT") }
            try await refuse(.misuse) { try await connection.execute("COPY t FROM STDIN") }
            try await refuse(.misuse) { try await connection.executeScript("SELECT 1; COPY t TO STDOUT; SELECT 1") }
            try await refuse(.misuse) { try await connection.writeCopy([1]) }
            try await refuse(.misuse) { _ = try await connection.endCopyIn() }
            #expect(try await connection.query("SELECT count(*) FROM t").int64(0, 0) == 0)
        }
    }

    @Test("In the middle of a COPY everything else is refused, and the COPY goes on")
    func otherUse() async throws {
        try await TestDatabase.withConnection { connection in
            try await connection.executeScript("CREATE TABLE t (id bigint)")
            try await connection.beginCopyIn("COPY t FROM STDIN")
            for attempt in [
                { try await connection.query("SELECT 1") as Any },
                { try await connection.executeScript("SELECT 1") as Any },
                { try await connection.pipeline(["SELECT 1"]) },
                { try await connection.beginCopyIn("COPY t FROM STDIN") },
                { try await connection.transaction { _ in } },
                { try await connection.notifications(waitingUpTo: .zero) },
            ] as [() async throws -> Any] {
                let error = await #expect(throws: PostgresError.self) { _ = try await attempt() }
                #expect(error?.code == .misuse)
            }
            try await connection.writeCopy(Array("1\n2".utf8))
            try await connection.writeCopy(Array("\n".utf8))
            #expect(try await connection.endCopyIn() == 2)
        }
    }

    @Test("Rows that the server refuses leave nothing behind, however many follow them")
    func refusedRows() async throws {
        try await TestDatabase.withConnection { connection in
            try await connection.executeScript("CREATE TABLE t (id bigint)")
            let many = Array(String(repeating: "1\n", count: 3_000_000).utf8)
            let error = await #expect(throws: PostgresError.self) {
                try await connection.copyIn("COPY t FROM STDIN", [Array("1\nsecret\n".utf8), many])
            }
            #expect(error?.sqlState == SQLState("22P02"))
            #expect(error?.isDataError == true)
            #expect(error?.description.contains("secret") == false)
            #expect(try await connection.query("SELECT count(*) FROM t").int64(0, 0) == 0)
        }
    }

    @Test("A COPY in that is given up leaves nothing behind")
    func givenUp() async throws {
        try await TestDatabase.withConnection { connection in
            try await connection.executeScript("CREATE TABLE t (id bigint)")
            try await connection.beginCopyIn("COPY t FROM STDIN")
            try await connection.writeCopy(Array("1\n".utf8))
            try await connection.failCopyIn("changed our mind")
            try await connection.failCopyIn("twice")
            #expect(try await connection.query("SELECT count(*) FROM t").int64(0, 0) == 0)
        }
    }

    @Test("The builder's bytes are what the server reads, whole or in pieces")
    func builder() async throws {
        try await TestDatabase.withConnection { connection in
            try await connection.executeScript(
                """
                CREATE TABLE t (a int8, b int4, c int2, d float8, e bool, f text, g bytea, h timestamptz, i jsonb, j json,
                    k uuid, l text)
                """
            )
            var copy = BinaryCopy(reservingCapacity: 1000)
            var pieces: [[UInt8]] = []
            for number in 0..<100 {
                copy.beginRow(fields: 12)
                copy.append(Int64(number))
                copy.append(Int32(-1))
                copy.append(Int16.max)
                copy.append(0.1)
                copy.append(true)
                copy.append("naïve")
                copy.append([0, 1] as [UInt8])
                copy.append(timestamp: 1)
                copy.append(jsonb: #"{"a": 1}"#)
                copy.append("[]")
                copy.append(Array(repeating: UInt8(0xAB), count: 16))
                copy.appendNull()
                // Pieces end anywhere, also within a field.
                pieces += copy.take().map { [$0] }
            }
            pieces.append(copy.finish())
            #expect(try await connection.copyIn("COPY t FROM STDIN (FORMAT binary)", pieces) == 100)
            let result = try await connection.query(
                """
                SELECT count(*) FROM t WHERE b = -1 AND c = 32767 AND d = 0.1 AND e AND f = 'naïve' AND g = '\\x0001'
                    AND h = '2000-01-01 00:00:00.000001Z' AND i = '{"a":1}' AND j::text = '[]' AND l IS NULL
                    AND k = 'abababab-abab-abab-abab-abababababab'
                """
            )
            #expect(try result.int64(0, 0) == 100)
        }
    }
}
