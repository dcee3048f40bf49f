import Engine
import Postgres
import Refold
import Synchronization
import TestProjections
import TestSupport
import Testing

@Suite("Rows written and read back")
struct GenerationWriterTests {
    /// Values at the ends of what a column can hold; texts that JSON or COPY could stumble over.
    private static let script: EveryType.Script = [
        1: { types, rows in
            let row = try rows.findOrInsert(types.wide, "all")
            row[types.integer] = .min
            row[types.optionalInteger] = .max
            row[types.double] = -0.0
            row[types.optionalDouble] = .leastNonzeroMagnitude
            row[types.boolean] = true
            row[types.optionalBoolean] = false
            row[types.timestamp] = Timestamp(microseconds: -1)
            row[types.optionalTimestamp] = Timestamp(microseconds: 777_777_777_777_777)
            row[types.decimal] = try #require(ExactDecimal("-99999999999999999999999999999999999999"))
            row[types.optionalDecimal] = ExactDecimal("0.00000000000000000000000000000000000001")
            row[types.date] = Day(rawValue: -2_451_507)
            row[types.optionalDate] = .infinity
            row[types.text] = "it's \\N \"quoted\"\n\t\u{1}\u{7f} é e\u{301} 喜劇 🎬"
            row[types.optionalText] = ""
            row[types.list] = ["b", "", "\"\\/\u{8}\u{c}\n\r\t\u{1f}", "a", "b", "🎬\u{2028}", "null", "[1]"]
            row[types.optionalList] = []
            for text: Text in ["z", "é", "", "🎬", "｡", "\"", "Z"] { row.insert(text, into: types.texts) }
            row[types.integers] = [0, .min, .max, -1, 0]
            _ = try rows.findOrInsert(types.wide, "nothing set")
            _ = try rows.findOrInsert(types.wide, "")
            _ = try rows.findOrInsert(types.wide, "{\"it's\",NULL,\\}")
            _ = try rows.findOrInsert(types.wide, Text(String(repeating: "🎬", count: 500)))
        },
        2: { types, rows in
            for (key, part, count) in [("a", 1, 3), ("a", -1, 511), ("", .max, 512), ("ab", .min, 8192)]
                as [(Text, Int64, Int)]
            {
                let row = try rows.findOrInsert(types.pairs, key, part)
                for member in 0..<count { row.insert(UInt16(8191 - member), into: types.members) }
            }
            _ = try rows.findOrInsert(types.pairs, "empty set", 0)
            for number: Int64 in [0, -1, .min, .max, 256] {
                try rows.findOrInsert(types.numbered, number)[types.note] = number == 0 ? nil : "number"
            }
            for (day, sum) in [(0, "0.3"), (-1, "-12.5"), (8_826, "1e37"), (Int32.max, "0"), (Int32.min, "10000")] {
                try rows.findOrInsert(types.days, Day(rawValue: day))[types.sum] = try #require(ExactDecimal(sum))
            }
            for (time, text) in [(0, ""), (.min, "*"), (.max, "*"), (-1, "é"), (86_400_000_000, "1080p")]
                as [(Int64, Text)]
            {
                let row = try rows.findOrInsert(types.moments, Timestamp(microseconds: time), text)
                row[types.seconds] = (0..<60).map { $0 % 7 }
                row[types.width] = time
            }
            try rows.findOrInsert(types.wide, "gone later")[types.optionalList] = ["x"]
        },
        3: { types, rows in
            try rows.find(types.wide, "gone later")?.delete()
            try rows.find(types.wide, "nothing set")?.delete()
            try rows.find(types.numbered, 256)?.delete()
            try rows.find(types.pairs, "a", 1)?.delete()
            try rows.find(types.days, Day(rawValue: -1))?.delete()
            try rows.find(types.days, Day(rawValue: 0))?.add(1, to: types.sum)
            try rows.find(types.moments, Timestamp(microseconds: -1), "é")?.delete()
            try rows.find(types.moments, .epoch, "")?[types.seconds] = []
            let row = try rows.findOrInsert(types.wide, "all")
            row[types.integers] = [7]
            row[types.optionalInteger] = nil
            row[types.optionalDouble] = nil
            row[types.optionalBoolean] = nil
            row[types.optionalTimestamp] = nil
            row[types.optionalDecimal] = nil
            row[types.optionalDate] = nil
            row[types.optionalText] = nil
            row[types.optionalList] = nil
            row[types.list] = []
            row.replace(types.texts, with: [])
        },
        4: { types, rows in
            try rows.findOrInsert(types.wide, "nothing set")[types.optionalList] = ["again"]
            try rows.findOrInsert(types.pairs, "a", 1).insert(77, into: types.members)
        },
    ]
    private let projection = EveryType(script)

    /// The newest versions in a generation's tables.
    private func newest(_ writer: GenerationWriter) async throws -> EveryRow {
        let loaded = EveryRow(projection.model, isComplete: false)
        for (table, memory) in zip(writer.tables, loaded.rows.memories) {
            let pieces = Mutex<[PostgresResult]>([])
            try await writer.newestVersions(of: table) { piece in
                pieces.withLock { $0.append(piece) }
                return true
            }
            var decoder = RowDecoder(definition: memory.definition)
            for piece in pieces.withLock({ $0 }) { try decoder.keep(piece, in: memory) }
            memory.markComplete()
        }
        return loaded
    }

    /// Rows looked up by key, as after a miss.
    private func load(_ keys: [[EncodedKey]], _ writer: GenerationWriter) async throws -> EveryRow {
        let loaded = EveryRow(projection.model, isComplete: false)
        for (index, result) in try await writer.load(keys).enumerated() {
            let memory = loaded.rows.memories[index]
            if let result {
                var decoder = RowDecoder(definition: memory.definition)
                try decoder.keep(result, wanted: keys[index], in: memory)
            }
            memory.markComplete()
        }
        return loaded
    }

    private func addGeneration(_ installation: TestInstallation, _ phase: GenerationPhase) async throws -> Generation {
        try await installation.transaction { [projection] connection in
            try await GenerationStore(connection).add(of: projection, identity: "", phase: phase, target: nil)
        }
    }

    @Test(
        "Versions that were appended give back the newest of every row, deletions included",
        arguments: [false, true]
    )
    func versions(areBorrowed: Bool) async throws {
        try await TestInstallation.with(projection) { installation in
            let writer = try await installation.writer(try await addGeneration(installation, .memory), of: projection)
            #expect(try await !writer.hasVersions())
            try await writer.createVersions()
            #expect(try await writer.hasVersions())
            let memory = EveryRow(projection.model)
            for position: Int64 in 1...4 {
                #expect(memory.apply(projection, at: position))
                let versions = areBorrowed ? memory.borrowedVersions() : memory.versions()
                try await writer.commit(.from(position - 1, to: position, versions))
                #expect(try await newest(writer).content == memory.content, "after event \(position)")
            }
            #expect(memory.content.map(\.count) == [5, 5, 4, 4, 4])

            try await writer.settleVersions()
            let versions = "SELECT to_regclass($1)::text"
            #expect(try await installation.value(versions, [.text(writer.tables[0].quotedVersions)]) == nil)
            let absent = EncodedKey(bytes: Array("gone later".utf8))
            var keys = memory.keys
            keys[0].append(absent)
            let loaded = try await load(keys, writer)
            #expect(loaded.content == memory.content)
            #expect(loaded.rows.memories[0].isKnown(absent))
            let nothing = try await load([[], [], [], [], []], writer)
            #expect(nothing.content == [[:], [:], [:], [:], [:]])
            await writer.connection.close()
        }
    }

    @Test("What is written as a whole is what was in memory, with its key, and takes the versions' place")
    func whole() async throws {
        try await TestInstallation.with(projection) { installation in
            let generation = try await addGeneration(installation, .memory)
            let writer = try await installation.writer(generation, of: projection)
            let memory = EveryRow(projection.model)
            try await writer.createVersions()
            for position: Int64 in 1...3 { memory.apply(projection, at: position) }
            try await writer.commit(.from(0, to: 3, memory.versions()))
            memory.apply(projection, at: 4)
            try await writer.commit(.from(3, to: 4, memory.whole()))
            #expect(try await load(memory.keys, writer).content == memory.content)
            #expect(try await !writer.hasVersions())
            #expect(try await GenerationStore(installation.connection).generation(generation.number)?.phase == .settled)
            #expect(try await CheckpointStore(installation.connection).position(of: generation.number) == 4)
            for table in writer.tables {
                let keys = "SELECT count(*)::text FROM pg_index WHERE indrelid = to_regclass($1) AND indisprimary"
                #expect(try await installation.value(keys, [.text(table.quotedName)]) == "1")
            }
            await writer.connection.close()
        }
    }

    @Test("Rows are replaced in and removed from keyed tables")
    func replacements() async throws {
        try await TestInstallation.with(projection) { installation in
            let generation = try await installation.addSettled(projection)
            let writer = try await installation.writer(generation, of: projection)
            let memory = EveryRow(projection.model)
            for position: Int64 in 1...4 {
                memory.apply(projection, at: position)
                let keys = memory.keys
                try await writer.commit(.from(position - 1, to: position, memory.replacements(writer.tables)))
                #expect(try await load(keys, writer).content == memory.content, "after event \(position)")
            }
            for (table, content) in zip(writer.tables, memory.content) {
                let count = try await installation.value("SELECT count(*)::text FROM \(table.quotedName)")
                #expect(count == "\(content.count)", "\(table.name)")
            }
            await writer.connection.close()
        }
    }

    @Test("Readers see the values that were set")
    func views() async throws {
        try await TestInstallation.with(projection) { installation in
            let generation = try await installation.addSettled(projection)
            let writer = try await installation.writer(generation, of: projection)
            let memory = EveryRow(projection.model)
            memory.apply(projection, at: 1)
            try await writer.commit(.from(0, to: 1, memory.replacements(writer.tables)))
            try await installation.point(projection, to: generation)
            let all = try #require(
                try await installation.connection.query(
                    #"""
                    SELECT *, list::text, texts::text, optional_list::text, "decimal"::text, optional_decimal::text,
                        date::text, optional_date::text
                    FROM read_models."every type" WHERE "the ""key""" = 'all'
                    """#
                ).rows.first
            )
            #expect(try all.int64("integer") == .min)
            #expect(try all.int64("optional_integer") == .max)
            #expect(try all.double("double").sign == .minus)
            #expect(try all.double("optional_double") == .leastNonzeroMagnitude)
            #expect(try all.bool("boolean"))
            #expect(try !all.bool("optional_boolean"))
            #expect(try all.timestamp("timestamp") == -1)
            #expect(try all.text("text") == "it's \\N \"quoted\"\n\t\u{1}\u{7f} é e\u{301} 喜劇 🎬")
            #expect(try all.text("Optional Text") == "")
            #expect(try all.text(19) == #"["b", "", "\"\\/\b\f\n\r\t\u001f", "a", "b", "🎬\#u{2028}", "null", "[1]"]"#)
            #expect(try all.text(20) == #"["", "\"", "Z", "z", "é", "｡", "🎬"]"#)
            #expect(try all.text(21) == "[]")
            #expect(try all.text(22) == "-99999999999999999999999999999999999999")
            #expect(try all.text(23) == "0.00000000000000000000000000000000000001")
            #expect(try all.text(24) == "4713-01-01 BC")
            #expect(try all.text(25) == "infinity")
            let nothing = try #require(
                try await installation.connection.query(
                    #"SELECT * FROM read_models."every type" WHERE "the ""key""" = 'nothing set'"#
                ).rows.first
            )
            for column in [
                "optional_integer", "optional_double", "optional_boolean", "optional_timestamp", "Optional Text",
                "optional_decimal", "optional_date",
            ] {
                #expect(try nothing.isNull(column), "\(column)")
            }
            #expect(try nothing.isNull("optional_list"))
            #expect(try nothing.text("text") == "")
            #expect(try await installation.value("SELECT to_regclass('read_models.every_pair')::text") == nil)
            await writer.connection.close()
        }
    }

    @Test("Statements are cut by bytes, so that rows of any size are written")
    func large() async throws {
        let text = String(repeating: "0123456789", count: 15_000)
        let projection = EveryType([
            1: { types, rows in
                for number: Int64 in 0..<60 { try rows.findOrInsert(types.numbered, number)[types.note] = Text(text) }
            }
        ])
        try await TestInstallation.with(projection) { installation in
            let writer = try await installation.writer(try await installation.addSettled(projection), of: projection)
            let memory = EveryRow(projection.model)
            memory.apply(projection, at: 1)
            let keys = memory.keys
            let rows = memory.replacements(writer.tables)
            guard case .replacements(let statements) = rows else {
                Issue.record("the rows do not replace others")
                return
            }
            #expect(statements.count == 3)
            for statement in statements {
                let bytes = statement.parameters.reduce(0) { sum, value in
                    if case .binary(_, let bytes) = value { sum + bytes.count } else { sum }
                }
                #expect(bytes <= RowEncoder.bytesPerStatement + text.utf8.count + 100)
            }
            try await writer.commit(.from(0, to: 1, rows))
            #expect(try await load(keys, writer).content == memory.content)
            await writer.connection.close()
        }
    }

    @Test("More rows than one statement takes are all written and all found again")
    func many() async throws {
        let projection = EveryType([
            1: { types, rows in
                for number: Int64 in 0..<25_000 {
                    try rows.findOrInsert(types.numbered, number &* 0x1e37_79b9_7f4a_7c15)[types.note] = "x"
                }
            },
            2: { types, rows in
                for number: Int64 in 0..<25_000 where number % 2 == 0 {
                    try rows.find(types.numbered, number &* 0x1e37_79b9_7f4a_7c15)?.delete()
                }
            },
        ])
        try await TestInstallation.with(projection) { installation in
            let writer = try await installation.writer(try await installation.addSettled(projection), of: projection)
            let memory = EveryRow(projection.model)
            memory.apply(projection, at: 1)
            let keys = memory.keys
            try await writer.commit(.from(0, to: 1, memory.replacements(writer.tables)))
            #expect(try await load(keys, writer).content == memory.content)
            memory.apply(projection, at: 2)
            try await writer.commit(.from(1, to: 2, memory.replacements(writer.tables)))
            #expect(try await load(keys, writer).content == memory.content)
            await writer.connection.close()
        }
    }
}
