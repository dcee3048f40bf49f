import Postgres
import TestSupport
import Testing

@Suite("Statements")
struct StatementTests {
    @Test("Every kind of value comes back as it was sent")
    func roundTrip() async throws {
        try await TestDatabase.withConnection { connection in
            let uuid = "0189c7a0-0000-7abc-8def-0123456789ab"
            let result = try await connection.query(
                """
                SELECT $1 AS flag, $2 AS small, $3 AS medium, $4 AS large, $5 AS real, $6 AS word, $7::json AS json,
                    $8::jsonb AS jsonb, $9 AS bytes, $10 AS moment, $11 AS id, $12 AS words, $13 AS numbers, $14::text AS none
                """,
                [
                    .bool(true), .int16(.min), .int32(.max), .int64(.min), .double(-0.1), .text("naïve 🦊"),
                    .json(#"{"a": 1.0}"#), .json(#"{"b":[1,2]}"#), .bytes([0, 255, 1]), .timestamp(-1), .uuid(uuid),
                    .textArray(["", "a,b", "\"q\""]), .int64Array([1, -2]), .null,
                ]
            )
            let row = try #require(result.rows.first)
            #expect(try row.bool("flag"))
            #expect(try row.int16("small") == .min)
            #expect(try row.int32("medium") == .max)
            #expect(try row.int64("medium") == Int64(Int32.max))
            #expect(try row.int64("large") == .min)
            #expect(try row.double("real") == -0.1)
            #expect(try row.text("word") == "naïve 🦊")
            #expect(try row.text("json") == #"{"a": 1.0}"#)
            #expect(try row.text("jsonb") == #"{"b": [1, 2]}"#)
            #expect(try row.bytes("bytes") == [0, 255, 1])
            #expect(try row.timestamp("moment") == -1)
            #expect(try row.text("id") == uuid)
            #expect(try row.textArray("words") == ["", "a,b", "\"q\""])
            #expect(try row.int64Array("numbers") == [1, -2])
            #expect(try row.isNull("none"))
            #expect(try row.optionalText("none") == nil)
            #expect(try row.text(5) == "naïve 🦊")
        }
    }

    @Test("Arrays arrive element by element, those without a type as what the server makes of them")
    func arrays() async throws {
        try await TestDatabase.withConnection { connection in
            let texts = ["", "a,b", "{\"}", "\\\"q\\", "NULL", "é", nil]
            let id = [UInt8](1...16)
            let row = try await connection.query(
                """
                SELECT array_length($1::text[], 1) AS count, ($1::text[])[7] IS NULL AS none,
                    array_remove($1::text[], NULL) AS texts, ($2::json[])[1] AS json, ($3)[2]::text AS id,
                    pg_typeof($3)::text || pg_typeof($4)::text AS types, ($4)[1] AS time, cardinality($5) AS empty
                """,
                [
                    .arrayLiteral(texts), .arrayLiteral([#"{"a": "\"\\"}"#]), .uuidArray([id, id.reversed()]),
                    .timestampArray([-1, 5]), .uuidArray([]),
                ]
            )
            #expect(try row.int32(0, "count") == 7)
            #expect(try row.bool(0, "none"))
            #expect(try row.textArray(0, "texts") == texts.compactMap { $0 })
            #expect(try row.text(0, "json") == #"{"a": "\"\\"}"#)
            #expect(try row.text(0, "id") == "100f0e0d-0c0b-0a09-0807-060504030201")
            #expect(try row.text(0, "types") == "uuid[]timestamp with time zone[]")
            #expect(try row.timestamp(0, "time") == -1)
            #expect(try row.int32(0, "empty") == 0)
        }
    }

    @Test("A pipeline gives its results in order")
    func pipeline() async throws {
        try await TestDatabase.withConnection { connection in
            let results = try await connection.pipeline([
                "CREATE TABLE t (id bigint PRIMARY KEY, name text)",
                PostgresStatement("INSERT INTO t VALUES ($1, $2)", [.int64(1), .text("a")]),
                PostgresStatement("INSERT INTO t VALUES ($1, $2)", [.int64(2), .null]),
                "SELECT count(*) FROM t",
            ])
            #expect(results.count == 4)
            #expect(results[1].affectedRows == 1)
            #expect(try results[3].int64(0, 0) == 2)
        }
    }

    @Test("A transaction commits what its body did, or nothing")
    func transaction() async throws {
        try await TestDatabase.withConnection { connection in
            try await connection.executeScript("CREATE TABLE t (id bigint PRIMARY KEY)")
            let inserted = try await connection.transaction { connection in
                try connection.execute("INSERT INTO t SELECT generate_series(1, 10)")
            }
            #expect(inserted == 10)
            struct Stop: Error {}
            await #expect(throws: Stop.self) {
                try await connection.transaction { connection in
                    try connection.execute("DELETE FROM t")
                    throw Stop()
                }
            }
            #expect(try await connection.query("SELECT count(*) FROM t").int64(0, 0) == 10)
        }
    }

    @Test("Rows stream in and out by COPY")
    func copy() async throws {
        try await TestDatabase.withConnection { connection in
            try await connection.executeScript("CREATE TABLE t (id bigint, name text)")
            var data = BinaryCopy()
            for id in 1...1000 {
                data.beginRow(fields: 2)
                data.append(Int64(id))
                if id.isMultiple(of: 7) { data.appendNull() } else { data.append("name \(id)") }
            }
            let first = data.take()
            #expect(try await connection.copyIn("COPY t FROM STDIN (FORMAT binary)", [first, data.finish()]) == 1000)
            func sum(_ connection: isolated PostgresConnection) throws -> (Int64, Int) {
                var sum: Int64 = 0
                var nulls = 0
                try connection.beginCopyOut("COPY (SELECT id, name FROM t ORDER BY id) TO STDOUT (FORMAT binary)")
                while try connection.nextCopyRow({ row in
                    sum += try row.int64(0)
                    if row.isNull(1) { nulls += 1 } else { #expect(try row.text(1) == "name \(row.int64(0))") }
                }) {}
                return (sum, nulls)
            }
            let (total, nulls) = try await sum(connection)
            #expect(total == 500_500)
            #expect(nulls == 142)
            #expect(await connection.transactionStatus == .idle)
        }
    }
}
