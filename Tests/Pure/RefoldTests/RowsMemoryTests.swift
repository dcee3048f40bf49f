import Refold
import Synchronization
import TestSupport
import Testing

@Suite("Rows that are not all in memory")
struct RowsMemoryTests {
    private let model = RowsModel()

    private func event(_ rows: Rows, at position: Int64, _ operations: RowOperation...) -> Rows.Application {
        rows.apply(ScriptedProjection.event(at: position), with: ScriptedProjection(model, [position: operations]))
    }

    private func pass(_ rows: Rows, at position: Int64, _ operations: RowOperation...) {
        rows.beginPass()
        _ = rows.apply(ScriptedProjection.event(at: position), with: ScriptedProjection(model, [position: operations]))
        rows.acceptPass()
    }

    /// Rows of the text table that are clean and in memory.
    private func stored(_ keys: [String], in rows: Rows) {
        for key in keys {
            let record = Array(key.utf8).withUnsafeBytes { rows.memories[0].load(key: $0, position: 1) }
            record.setTexts(14, ["drama"])
        }
    }

    private func isKnown(_ key: String, _ rows: Rows) -> Bool {
        rows.memories[0].isKnown(EncodedKey(bytes: Array(key.utf8)))
    }

    @Test("A miss names the key, and the pass is undone")
    func miss() {
        let rows = Rows(model.model, isComplete: false)
        #expect(!rows.isComplete)
        rows.memories[2].loadAbsent(EncodedKey(bytes: ModelKey.pair("a", 1).encoded))
        rows.beginPass()
        guard case .missed = event(rows, at: 1, .touch(.pair("a", 1)), .touch(.text("b"))) else {
            Issue.record("the event did not miss")
            return
        }
        #expect(rows.hasMissingKeys)
        #expect(rows.missingKeys.map { $0.map(\.bytes) } == [[Array("b".utf8)], [], [], [], []])
        #expect(rows.missingBytes > 0)
        rows.undoPass()
        #expect(rows.memories[2].takeChanges().isEmpty)
        rows.beginPass()
        #expect(!rows.hasMissingKeys)
    }

    @Test("Rows that are asked for together are missed together, those that are there apart")
    func loadTogether() throws {
        let rows = Rows(model.model, isComplete: false)
        stored(["a"], in: rows)
        let table = model.byText.table
        rows.beginPass()
        #expect(throws: (any Error).self) {
            try rows.load(table, ["a", "b", Text(String(repeating: "x", count: 2_001)), "c"])
        }
        #expect(rows.missingKeys[0].map(\.bytes).sorted { $0[0] < $1[0] } == [Array("b".utf8), Array("c".utf8)])
        rows.undoPass()
        for key in ["b", "c"] { rows.memories[0].loadAbsent(EncodedKey(bytes: ModelKey.text(key).encoded)) }
        rows.beginPass()
        try rows.load(table, ["a", "b", "c"])
        #expect(!rows.hasMissingKeys)
    }

    @Test("Rows that an event changed before it missed are unknown to the events behind it")
    func unknown() {
        let rows = Rows(model.model, isComplete: false)
        rows.memories[1].loadAbsent(EncodedKey(bytes: ModelKey.number(1).encoded))
        rows.beginPass()
        guard case .missed = event(rows, at: 1, .touch(.number(1)), .touch(.text("x"))),
            // Row 1 would look absent, and the event would be refused or not by what is not so.
            case .missed = event(rows, at: 2, .refuseIfPresent(.number(1)))
        else {
            Issue.record("an event did not miss")
            return
        }
        rows.undoPass()
        rows.memories[0].loadAbsent(EncodedKey(bytes: ModelKey.text("x").encoded))
        rows.beginPass()
        guard case .applied = event(rows, at: 1, .touch(.number(1)), .touch(.text("x"))),
            case .refused = event(rows, at: 2, .refuseIfPresent(.number(1)))
        else {
            Issue.record("the second pass went wrong")
            return
        }
    }

    @Test("A projection that swallows a miss has missed all the same")
    func swallowed() {
        struct Swallowing: Projection {
            let name: ProjectionName = "swallowing"
            let version = 1
            let eventTypes: [EventType] = [.scripted]
            let rowsModel = RowsModel()
            var model: ReadModel { rowsModel.model }

            func apply(_ event: Event, to rows: Rows) throws {
                _ = try? rows.find(rowsModel.byText.table, "a")
                if event.position == 2 { throw EventRefusal("of its own") }
            }
        }
        let projection = Swallowing()
        let rows = Rows(projection.model, isComplete: false)
        rows.beginPass()
        for position: Int64 in 1...2 {
            guard case .missed = rows.apply(ScriptedProjection.event(at: position), with: projection) else {
                Issue.record("event \(position) did not miss")
                continue
            }
        }
        #expect(rows.missingKeys[0].count == 1)
    }

    @Test("A row known to be absent is not looked for again, and is written like any other once it exists")
    func knownAbsent() throws {
        let rows = Rows(model.model, isComplete: false)
        rows.memories[0].loadAbsent(EncodedKey(bytes: []))
        #expect(isKnown("", rows))
        #expect(try rows.find(model.byText.table, "") == nil)
        pass(rows, at: 1, .delete(.text("")))
        #expect(rows.memories[0].takeChanges().isEmpty)
        pass(rows, at: 2, .optionalText(.text(""), "x"))
        #expect(rows.memories[0].takeChanges().map(\.isPresent) == [true])
        pass(rows, at: 3, .delete(.text("")))
        #expect(rows.memories[0].takeChanges().map(\.isPresent) == [false])
    }

    @Test("A loaded row has what was stored, and changes from there")
    func loaded() throws {
        let rows = Rows(model.model, isComplete: false)
        stored(["a"], in: rows)
        pass(rows, at: 5, .integer(.text("b"), 1))
        #expect(rows.missingKeys[0].count == 1)
        rows.undoPass()
        pass(rows, at: 5, .add(.text("a"), 2))
        let changes = rows.memories[0].takeChanges()
        #expect(changes.map(\.position) == [5])
        #expect(changes.map { $0.stored(model.model.tables[0]).cells[14] } == [.texts(["drama"])])
    }

    @Test("Rows that wait to be written, and those of the batch in hand, stay when memory is short")
    func eviction() {
        let rows = Rows(model.model, isComplete: false)
        stored(["clean", "pinned", "dirty"], in: rows)
        pass(rows, at: 2, .integer(.text("dirty"), 1))
        rows.beginPass()
        _ = event(rows, at: 3, .refuseIfPresent(.text("pinned")))
        rows.undoPass()
        rows.evict(downTo: 0)
        #expect(!isKnown("clean", rows))
        #expect(isKnown("pinned", rows))
        #expect(isKnown("dirty", rows))
        #expect(rows.memories[0].takeChanges().map { Array($0.key) } == [Array("dirty".utf8)])
        rows.beginPass()
        rows.evict(downTo: 0)
        #expect(rows.bytes == 0)
    }

    @Test("A row whose change was undone leaves nothing behind when it goes: its memory may hold a text next")
    func evictionOfUndone() throws {
        let rows = Rows(model.model, isComplete: false)
        let gone = (0..<100).map { "gone \($0)" }
        stored(gone, in: rows)
        rows.beginPass()
        for key in gone { _ = event(rows, at: 2, .integer(.text(key), 1)) }
        rows.undoPass()
        rows.beginPass()
        rows.evict(downTo: 0)
        #expect(rows.bytes == 0)
        // Some of them are as long as a record, so that they lie where one lay.
        let texts = (300...330).map { String(repeating: "w", count: $0) }
        for text in texts {
            rows.memories[0].loadAbsent(EncodedKey(bytes: Array("row \(text.count)".utf8)))
            pass(rows, at: Int64(text.count), .text(.text("row \(text.count)"), text))
        }
        let changes = rows.memories[0].takeChanges()
        #expect(changes.count == texts.count)
        #expect(Set(changes.map { $0.stored(model.model.tables[0]).cells[12] }) == Set(texts.map { .text($0) }))
    }

    @Test("The rows that were used least recently go first, and no more of them than necessary")
    func leastRecentlyUsed() {
        let rows = Rows(model.model, isComplete: false)
        let keys = (0..<100).map { "key \($0)" }
        stored(keys, in: rows)
        for key in keys { pass(rows, at: 2, .refuseIfPresent(.text(key))) }
        rows.beginPass()
        let full = rows.bytes
        rows.evict(downTo: full * 3 / 4)
        #expect(keys.filter { !isKnown($0, rows) } == Array(keys[..<25]))
        rows.evict(downTo: full)
        #expect(rows.memories[0].recordCount == 75)
    }

    @Test("A table that was complete is not any more once a row has left, and misses instead of taking it for absent")
    func noLongerComplete() {
        let rows = Rows(model.model, isComplete: true)
        pass(rows, at: 1, .integer(.text("a"), 1), .integer(.number(1), 1))
        var store: StoredTables = [[:], [:], [:], [:], [:]]
        rows.write(to: &store)
        rows.beginPass()
        rows.evict(downTo: 0)
        #expect(rows.bytes == 0)
        #expect(rows.memories.map(\.isComplete) == [false, false, true, true, true])
        guard case .missed = event(rows, at: 2, .add(.text("a"), 1)) else {
            Issue.record("the row was taken for absent")
            return
        }
        rows.undoPass()
        rows.loadMissing(from: store)
        pass(rows, at: 2, .add(.text("a"), 1))
        rows.write(to: &store)
        #expect(store[0].values.map { $0.cells[0] } == [.integer(2)])
    }

    @Test("Every byte is accounted for when rows with long keys, texts and sets come and go")
    func accounting() {
        let rows = Rows(model.model, isComplete: true)
        var generator = SeededGenerator(seed: 7)
        var store: StoredTables = [[:], [:], [:], [:], [:]]
        var position: Int64 = 0
        for round in 0..<20 {
            for _ in 0..<30 {
                position += 1
                let key = ModelKey.text(String(repeating: "k", count: Int.random(in: 0...120, using: &generator)))
                let size = Int.random(in: 0...600, using: &generator)
                rows.beginPass()
                _ = event(
                    rows,
                    at: position,
                    .text(key, String(repeating: "t", count: size)),
                    .insertNumbers(key, first: UInt16(size), count: size, step: 1),
                    .list(key, Array(repeating: "x", count: size / 10)),
                    generator.once(in: 3) ? .refuse : .touch(key)
                )
                if rows.hasMissingKeys || generator.once(in: 4) { rows.undoPass() } else { rows.acceptPass() }
                rows.loadMissing(from: store)
            }
            rows.write(to: &store)
            rows.beginPass()
            rows.evict(downTo: 0)
            #expect(rows.bytes == 0, "round \(round)")
        }
    }
}
