import Engine
import Postgres
import Refold
import Synchronization
import TestProjections
import TestSupport
import Testing

/// Nobody else writes these tables, but somebody could: what the engine cannot have written is an error with a name.
@Suite("Rows that no projection wrote")
struct ForeignRowsTests {
    private let projection = EveryType([
        1: { types, rows in
            let row = try rows.findOrInsert(types.wide, "a")
            for text: Text in ["b", "c"] { row.insert(text, into: types.texts) }
            try rows.findOrInsert(types.pairs, "a", 1).insert(7, into: types.members)
            _ = try rows.findOrInsert(types.numbered, 1)
            _ = try rows.findOrInsert(types.days, Day(rawValue: 1))
        }
    ])

    /// The error of loading the rows after a change by hand.
    private func error(_ table: Int, _ change: @Sendable (String) -> String) async throws -> EngineError? {
        let found = Mutex<EngineError?>(nil)
        try await TestInstallation.with(projection) { installation in
            let writer = try await installation.writer(try await installation.addSettled(projection), of: projection)
            let memory = EveryRow(projection.model)
            memory.apply(projection, at: 1)
            let keys = memory.keys
            try await writer.commit(.from(0, to: 1, memory.replacements(writer.tables)))
            // A partition's columns are those of its parent.
            let name = writer.tables[table].quotedName
            try await installation.connection.executeScript(
                "ALTER TABLE \(writer.tables[table].quotedParent) DETACH PARTITION \(name); \(change(name))"
            )
            let loaded = EveryRow(projection.model, isComplete: false).rows.memories[table]
            // Loaded by key, by another session: that of the writer would remember the types.
            let result = try await installation.connection.query(
                writer.tables[table].loadSQL,
                RowEncoder(definition: loaded.definition).keys(keys[table])
            )
            await writer.connection.close()
            var decoder = RowDecoder(definition: loaded.definition)
            do {
                try decoder.keep(result, in: loaded)
            } catch {
                let error = try #require(error as? EngineError)
                found.withLock { $0 = error }
            }
        }
        return found.withLock { $0 }
    }

    @Test(
        "A column of another type names table and column",
        arguments: [
            (0, "integer", "integer", "integer"), (0, "double", "real", "real"), (0, "boolean", "text", "text"),
            (0, "timestamp", "timestamp", "timestamp"), (0, "decimal", "text", "text"), (0, "text", "bytea", "bytea"),
            (1, "members", "text", "text"), (2, "note", "integer", "integer"), (3, "sum", "bigint", "bigint"),
        ]
    )
    func types(table: Int, column: String, type: String, found: String) async throws {
        let error = try await error(table) {
            let quoted = "\"\(column)\""
            let value = type == "bytea" ? "convert_to(\(quoted), 'UTF8')" : "\(quoted)::text::\(type)"
            return "ALTER TABLE \($0) ALTER \(quoted) DROP DEFAULT, ALTER \(quoted) TYPE \(type) USING \(value)"
        }
        let name = projection.model.tables[table].name
        #expect(
            error?.message
                == "column \(column) of table \(name) holds values of type \(found), which no projection wrote"
        )
        #expect(error?.remedy.contains("rebuild") == true)
    }

    @Test(
        "A value that no projection wrote names table and column",
        arguments: [
            (0, "texts", #"'["c","b"]'"#, "a set that is not sorted, or has a member twice"),
            (0, "texts", #"'["b","b"]'"#, "a set that is not sorted, or has a member twice"),
            (0, "list", "'[null]'", "an array not of texts"),
            (0, "integers", "'[null]'", "an array not of texts"), (0, "integers", "'[1.5]'", "a list not of integers"),
            (0, "integers", "'[9223372036854775808]'", "a list not of integers"),
            (1, "members", #"'\x07'"#, "bytes that are no set of numbers"),
            (1, "members", #"'\x0020'"#, "bytes that are no set of numbers"),
            (1, "members", #"'\x07000700'"#, "bytes that are no set of numbers"),
            (1, "members", "decode(repeat('00', 1024), 'hex')", "bytes that are no set of numbers"),
            (1, "members", "decode(repeat('00', 4096), 'hex')", "bytes that are no set of numbers"),
        ]
    )
    func values(table: Int, column: String, value: String, found: String) async throws {
        let error = try await error(table) { "UPDATE \($0) SET \(column) = \(value)" }
        let name = projection.model.tables[table].name
        #expect(error?.message == "column \(column) of table \(name) holds \(found), which no projection wrote")
    }

    @Test("A null in a column that has none names table and column")
    func null() async throws {
        let error = try await error(3) { "ALTER TABLE \($0) ALTER sum DROP NOT NULL; UPDATE \($0) SET sum = NULL" }
        #expect(error?.message == "column sum of table every_day holds null, which no projection wrote")
    }

    @Test("The longest keys that no compression shortens are stored")
    func longestKeys() async throws {
        let projection = EveryType([
            1: { types, rows in
                var generator = SeededGenerator(seed: 1)
                func text(_ count: Int) -> Text {
                    Text(
                        String(
                            (0..<count).map { _ in
                                Character(Unicode.Scalar(UInt8.random(in: 33...126, using: &generator)))
                            }
                        )
                    )
                }
                _ = try rows.findOrInsert(types.wide, text(Rows.longestKey))
                _ = try rows.findOrInsert(types.pairs, text(Rows.longestKey - 12), .max)
            }
        ])
        try await TestInstallation.with(projection) { installation in
            let writer = try await installation.writer(try await installation.addSettled(projection), of: projection)
            let memory = EveryRow(projection.model)
            memory.apply(projection, at: 1)
            try await writer.commit(.from(0, to: 1, memory.replacements(writer.tables)))
            let loaded = try await writer.load(memory.keys)
            #expect(loaded.map { $0?.count } == [1, 1, nil, nil, nil])
            await writer.connection.close()
        }
    }
}
