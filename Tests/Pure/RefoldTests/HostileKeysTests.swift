import Refold
import Testing

@Suite("Keys that were chosen to meet")
struct HostileKeysTests {
    private let model = RowsModel()

    private func rows(texts: some Sequence<String>) throws -> Double {
        let rows = Rows(model.model, isComplete: true)
        for text in texts { _ = try rows.findOrInsert(model.byText.table, Text(text)) }
        return rows.memories[0].meanProbes
    }

    private func rows(pairs: some Sequence<Int64>) throws -> Double {
        let rows = Rows(model.model, isComplete: true)
        for number in pairs { _ = try rows.findOrInsert(model.byPair.table, "a", number) }
        return rows.memories[2].meanProbes
    }

    @Test("Texts that zero a factor of wyhash with its published secrets are found as fast as others")
    func zeroFactor() throws {
        // With those secrets the last eight bytes are what the first sixteen are folded to, so that the rest counted for
        // nothing and all had the hash 0.
        let hostile = try rows(texts: (10_000_000..<10_040_000).map { "EdlSOxy699_INpqd\($0)7eU5sS6d" })
        let random = try rows(
            texts: (0..<40_000).map { _ in
                "\(UInt64.random(in: 1 << 62 ... .max))\(UInt64.random(in: 1 << 60 ... .max))"
            }
        )
        #expect(random < 2)
        #expect(hostile < 1.3 * random, "\(hostile) and \(random) places")
    }

    @Test("Numbers beside a text that differ in their upper bits alone are found as fast as others")
    func upperBits() throws {
        // Multiplied by whatever odd number, they keep zeros in the lower bits.
        let hostile = try rows(pairs: (0..<40_000).map { $0 << 44 })
        let random = try rows(pairs: (0..<40_000).map { _ in Int64.random(in: .min ... .max) & ~3 })
        // The last two bits are the number's own: all of these begin at every fourth place.
        #expect(random < 4)
        #expect(hostile < 1.3 * random, "\(hostile) and \(random) places")
    }

    @Test("Hashes differ from process to process")
    func seed() async throws {
        // What the hash of a text was before it had a seed.
        #expect(Text("EdlSOxy699_INpqd########7eU5sS6d").byteHash != 0)
        let result = try await #require(
            processExitsWith: .success,
            observing: [\.standardOutputContent]
        ) {
            print("hash", Text("a key").byteHash)
        }
        let output = String(decoding: result.standardOutputContent, as: UTF8.self)
        #expect(output.contains("hash "))
        #expect(!output.contains("hash \(Text("a key").byteHash)"))
    }
}
