import Engine
import Postgres
import Refold
import TestProjections
import TestSupport
import Testing

@Suite("Decimals as PostgreSQL has them")
struct NumericTests {
    /// Decimals of every length and scale, and each power of ten.
    private static func decimals() -> [ExactDecimal] {
        var generator = SystemRandomNumberGenerator()
        var decimals = (0...38).flatMap { scale in
            [ExactDecimal(coefficient: 1, scale: scale), ExactDecimal(coefficient: -1, scale: -scale)]
        }
        for _ in 0..<3_000 {
            let digits = Int.random(in: 1...38, using: &generator)
            let text = (0..<digits).map { _ in String(Int.random(in: 0...9, using: &generator)) }.joined()
            // Groups of zeros within, which the binary form may leave out at its ends only.
            let coefficient = Int128(text).map { Bool.random() ? $0 : $0 / 100_000_000 * 100_000_000 } ?? 0
            decimals.append(
                ExactDecimal(
                    coefficient: Bool.random() ? coefficient : -coefficient,
                    scale: Int.random(in: 0...38, using: &generator)
                )
            )
        }
        return decimals.compactMap { $0 }
    }

    private func days(_ decimals: [ExactDecimal]) -> EveryType {
        EveryType([
            1: { types, rows in
                for (index, decimal) in decimals.enumerated() {
                    try rows.findOrInsert(types.days, Day(rawValue: Int32(index)))[types.sum] = decimal
                }
            }
        ])
    }

    private func load(
        _ memory: EveryRow,
        _ model: ReadModel,
        _ writer: GenerationWriter
    ) async throws -> [[UInt8]: [String]] {
        let loaded = EveryRow(model, isComplete: false)
        let keys = memory.keys
        let result = try #require(try await writer.load(keys)[3])
        var decoder = RowDecoder(definition: loaded.rows.memories[3].definition)
        try decoder.keep(result, wanted: keys[3], in: loaded.rows.memories[3])
        loaded.rows.memories[3].markComplete()
        return loaded.rows.memories[3].allRows().reduce(into: [:]) { rows, row in
            rows[Array(row.key)] = ["\(row.position)", "\(row.decimal(0))"]
        }
    }

    @Test("What is written reads in SQL as it is written here, and comes back the same")
    func roundTrip() async throws {
        let decimals = Self.decimals()
        #expect(decimals.count > 2_000)
        let projection = days(decimals)
        try await TestInstallation.with(projection) { installation in
            let writer = try await installation.writer(try await installation.addSettled(projection), of: projection)
            let memory = EveryRow(projection.model)
            memory.apply(projection, at: 1)
            try await writer.commit(.from(0, to: 1, memory.replacements(writer.tables)))
            let table = writer.tables[3].quotedName
            let texts = try await installation.connection.query("SELECT sum::text FROM \(table) ORDER BY day")
            #expect(try (0..<texts.count).map { try texts.text($0, 0) } == decimals.map(\.description))
            #expect(try await load(memory, projection.model, writer) == memory.content[3])

            // The same values as others would have written them: more zeros behind the point.
            try await installation.connection.executeScript("UPDATE \(table) SET sum = sum + 0.\(zeros(60))")
            #expect(try await load(memory, projection.model, writer) == memory.content[3])
            await writer.connection.close()
        }
    }

    private func zeros(_ count: Int) -> String { String(repeating: "0", count: count) }

    @Test(
        "A value that is no decimal of ours is refused with a remedy",
        arguments: [
            "'NaN'", "'Infinity'", "1e38", "4e38", "-9.9e38", "3.5e38", "9e100", "repeat('9', 39)", "1e-39", "1e1000",
            "12345678901234567890.1234567890123456789",
        ]
    )
    func foreign(value: String) async throws {
        let projection = days([1])
        try await TestInstallation.with(projection) { installation in
            let writer = try await installation.writer(try await installation.addSettled(projection), of: projection)
            let memory = EveryRow(projection.model)
            memory.apply(projection, at: 1)
            try await writer.commit(.from(0, to: 1, memory.replacements(writer.tables)))
            try await installation.connection.executeScript(
                "UPDATE \(writer.tables[3].quotedName) SET sum = \(value)::numeric"
            )
            let error = await #expect(throws: EngineError.self) { _ = try await load(memory, projection.model, writer) }
            #expect(error?.remedy.contains("rebuild") == true)
            await writer.connection.close()
        }
    }
}
