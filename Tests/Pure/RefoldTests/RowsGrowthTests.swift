import Refold
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#endif

/// What rows take while they grow and go. The peaks are those of processes that do nothing else.
@Suite("Rows that grow")
struct RowsGrowthTests {
    /// The most memory that the process has had, in bytes.
    private static var peak: Int {
        var usage = rusage()
        getrusage(RUSAGE_SELF.rawValue, &usage)
        return usage.ru_maxrss << 10
    }

    private static func member(_ number: Int) -> Text { Text("genre \(number)") }

    @Test("Four thousand sets that grow in step take little more than they hold")
    func inStep() async {
        await #expect(processExitsWith: .success) {
            let model = RowsModel()
            let rows = Rows(model.model, isComplete: true)
            let before = Self.peak
            for round in 0..<160 {
                rows.beginPass()
                for user in 0..<4_000 {
                    // No two of them in the same order.
                    let member = Self.member((user &* 31 &+ round &* 77) % 160)
                    try rows.findOrInsert(model.byNumber.table, Int64(user)).insert(member, into: model.byNumber.texts)
                }
                rows.acceptPass()
            }
            let texts = rows.memories[1].allRows().map { $0.bytes(16).count }
            precondition(texts.reduce(0, +) == 4_000 * (10 * 11 + 90 * 12 + 60 * 13), "all members are there")
            precondition(Self.peak - before < 48 << 20, "\((Self.peak - before) >> 20) MiB for 8 MiB")
            precondition(rows.bytes < 24 << 20, "\(rows.bytes >> 20) MiB are counted")
        }
    }

    @Test("A set of twenty thousand members made in one batch, and undone, takes little more than it holds")
    func inOneBatch() async {
        await #expect(processExitsWith: .success) {
            let model = RowsModel()
            let rows = Rows(model.model, isComplete: true)
            let before = Self.peak
            for isKept in [false, true] {
                rows.beginPass()
                let row = try rows.findOrInsert(model.byText.table, "user")
                for number in 0..<20_000 { row.insert(Self.member(number * 7_919 % 20_000), into: model.byText.texts) }
                precondition(!row.insert(Self.member(4_711), into: model.byText.texts), "a member is there once")
                precondition(rows.undoBytes < Rows.mostUndoBytes, "each member takes an entry to undo")
                if isKept { rows.acceptPass() } else { rows.undoPass() }
            }
            let sorted = (0..<20_000).map { Self.member($0) }.sorted()
            let bytes = sorted.flatMap { text in ModelKey.bytes(UInt32(text.count)) + Array(String(text).utf8) }
            precondition(
                Array(rows.memories[0].allRows()[0].bytes(16)) == bytes,
                "the bytes are those of a sorted list"
            )
            precondition(Self.peak - before < 32 << 20, "\((Self.peak - before) >> 20) MiB for half of one")
        }
    }

    @Test("Rows that come and go with ever longer texts stay within the budget")
    func withinTheBudget() async {
        await #expect(processExitsWith: .success) {
            let model = RowsModel()
            let rows = Rows(model.model, isComplete: false)
            var generator = SeededGenerator(seed: 24)
            let budget = 32 << 20
            let before = Self.peak
            for round in 0..<40 {
                for _ in 0..<4_000 {
                    let key = ModelKey.number(Int64.random(in: 0..<200_000, using: &generator)).encoded
                    if rows.memories[1].isKnown(EncodedKey(bytes: key)) { continue }
                    let length = Int.random(in: 50 * round...50 * (round + 2), using: &generator)
                    let record = key.withUnsafeBytes { rows.memories[1].load(key: $0, position: 1) }
                    [UInt8](repeating: 1, count: length).withUnsafeBytes { record.setBytes(12, $0) }
                }
                rows.beginPass()
                if rows.bytes > budget { rows.evict(downTo: budget * 7 / 8) }
                precondition(rows.bytes <= budget, "\(rows.bytes >> 20) MiB are counted")
            }
            // Between two looks at the budget, four thousand rows of at most 2 KiB come.
            precondition(Self.peak - before < budget + 24 << 20, "\((Self.peak - before) >> 20) MiB")
        }
    }

    @Test("Rows that were moved together are what they were")
    func movedTogether() throws {
        let model = RowsModel()
        let rows = Rows(model.model, isComplete: true)
        var generator = SeededGenerator(seed: 5)
        func text(_ count: Int) -> String { String(repeating: "t", count: count) }
        for number in 0..<12_000 {
            let key = ModelKey.text("\(number)" + text(number % 3 == 0 ? 100 : 0))
            let operations: [RowOperation] =
                [.text(key, text(Int.random(in: 0...900, using: &generator)))]
                + (0..<(number % 80)).map { .insertText(key, "genre \($0)") }
            rows.beginPass()
            let position = Int64(number + 1)
            _ = rows.apply(
                ScriptedProjection.event(at: position),
                with: ScriptedProjection(model, [position: operations])
            )
            rows.acceptPass()
        }
        var store: StoredTables = [[:], [:], [:], [:], [:]]
        rows.write(to: &store)
        // Every other row is used again, so that those that go lie among those that stay.
        for number in stride(from: 0, to: 12_000, by: 2) {
            rows.beginPass()
            _ = try rows.find(model.byText.table, Text("\(number)" + text(number % 3 == 0 ? 100 : 0)))
        }
        let full = rows.bytes
        rows.beginPass()
        rows.evict(downTo: full * 5 / 8)
        #expect(rows.bytes <= full * 5 / 8)
        #expect((4_000...9_000).contains(rows.memories[0].recordCount))
        rows.memories[0].markComplete()
        #expect(rows.snapshot()[0].allSatisfy { store[0][$0.key] == $0.value })
        // All of it is in use again: sets are searched, grown and undone.
        for row in rows.memories[0].allRows() {
            let key = Text(String(decoding: row.key, as: UTF8.self))
            guard let row = try rows.find(model.byText.table, key) else { continue }
            #expect(!row.contains(Self.member(80), in: model.byText.texts))
            row.insert(Self.member(80), into: model.byText.texts)
            #expect(row.contains(Self.member(80), in: model.byText.texts))
        }
        rows.undoPass()
        #expect(rows.snapshot()[0].allSatisfy { store[0][$0.key] == $0.value })
        rows.beginPass()
        rows.evict(downTo: 0)
        #expect(rows.bytes == 0)
    }

    @Test("A set of texts is that of the standard library, whatever is undone", arguments: 1...4)
    func likeASet(seed: Int) throws {
        let model = RowsModel()
        let rows = Rows(model.model, isComplete: true)
        var generator = SeededGenerator(seed: UInt64(seed))
        var expected: Set<String> = []
        for position in 1...300 as ClosedRange<Int64> {
            var next = expected
            rows.beginPass()
            let projection = ScriptedProjection(
                model,
                [
                    position: (0..<Int.random(in: 1...12, using: &generator)).map { _ in
                        let member = String(repeating: "ü", count: Int.random(in: 0...3, using: &generator))
                        let text = member + "\(Int.random(in: 0...400, using: &generator))"
                        next.insert(text)
                        return .insertText(.text("a"), text)
                    } + (generator.once(in: 40) ? [.texts(.text("a"), ["one", "two"])] : [])
                ]
            )
            _ = rows.apply(ScriptedProjection.event(at: position), with: projection)
            if generator.once(in: 3) {
                rows.undoPass()
            } else {
                rows.acceptPass()
                let last = rows.memories[0].allRows()[0].stored(model.model.tables[0]).cells[16]
                expected = last == .texts(["one", "two"]) ? ["one", "two"] : next
            }
            let row = rows.memories[0].allRows().first
            let sorted = expected.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            #expect(row.map { $0.stored(model.model.tables[0]).cells[16] } ?? .texts([]) == .texts(sorted))
        }
    }
}
