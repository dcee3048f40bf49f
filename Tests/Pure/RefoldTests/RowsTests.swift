import Refold
import Testing

@Suite("Rows")
struct RowsTests {
    private let model = RowsModel()

    /// Applies events and accepts them; each of them has to be accepted.
    private func apply(_ rows: Rows, at first: Int64 = 1, _ events: [RowOperation]...) {
        rows.beginPass()
        for (place, operations) in events.enumerated() {
            let position = first + Int64(place)
            let result = rows.apply(
                ScriptedProjection.event(at: position),
                with: ScriptedProjection(model, [position: operations])
            )
            guard case .applied = result else {
                Issue.record("event \(position) is \(result)")
                continue
            }
        }
        rows.acceptPass()
    }

    private func refusal(_ rows: Rows, at position: Int64, _ operations: [RowOperation]) -> EventRefusal? {
        rows.beginPass()
        defer { rows.acceptPass() }
        let result = rows.apply(
            ScriptedProjection.event(at: position),
            with: ScriptedProjection(model, [position: operations])
        )
        guard case .refused(let error) = result else { return nil }
        return error as? EventRefusal
    }

    @Test("A row that is inserted starts with null, 0, false and empty")
    func fresh() throws {
        let rows = Rows(model.model, isComplete: true)
        apply(rows, [.touch(.text("a"))])
        #expect(rows.snapshot()[0] == [Array("a".utf8): StoredRow(position: 1, cells: ModelRow().cells)])
        let row = try #require(try rows.find(model.byText.table, "a"))
        #expect(row[model.byText.optionalBoolean] == nil)
        #expect(row[model.byText.optionalList] == nil)
        #expect(row[model.byText.optionalText] == nil)
        #expect(row[model.byText.list] == [])
    }

    @Test("What was set is read back, and null is not empty")
    func readBack() throws {
        let rows = Rows(model.model, isComplete: true)
        let key = ModelKey.pair("a", 1)
        apply(
            rows,
            [
                .optionalText(key, ""), .optionalList(key, []), .optionalBoolean(key, false),
                .optionalInteger(key, 0), .optionalDouble(key, 0), .optionalTimestamp(key, 0),
                .list(key, ["b", "a", "b"]), .texts(key, ["z", "é", "e", "z"]),
            ]
        )
        let columns = model.byPair
        var row = try #require(try rows.find(columns.table, "a", 1))
        #expect(row[columns.optionalText] == .some(""))
        #expect(row[columns.optionalList] == .some([]))
        #expect(row[columns.optionalBoolean] == .some(false))
        #expect(row[columns.optionalInteger] == .some(0))
        #expect(row[columns.optionalDouble] == .some(0))
        #expect(row[columns.optionalTimestamp] == .some(.epoch))
        #expect(row[columns.list] == ["b", "a", "b"])
        #expect(row.contains("é", in: columns.texts))
        #expect(!row.contains("E", in: columns.texts))
        apply(rows, at: 2, [.optionalText(key, nil), .optionalList(key, nil), .optionalBoolean(key, nil)])
        row = try #require(try rows.find(columns.table, "a", 1))
        #expect(row[columns.optionalText] == nil)
        #expect(row[columns.optionalList] == nil)
        #expect(row[columns.optionalBoolean] == nil)
    }

    @Test("Texts that look the same and have other bytes are other keys and other members")
    func normalisation() throws {
        let rows = Rows(model.model, isComplete: true)
        let (composed, decomposed) = ("\u{e9}", "e\u{301}")
        rows.beginPass()
        _ = rows.apply(
            ScriptedProjection.event(at: 1),
            with: ScriptedProjection(
                model,
                [
                    1: [
                        .insertText(.text(composed), composed), .insertText(.text(composed), decomposed),
                        .touch(.text(decomposed)),
                    ]
                ]
            )
        )
        rows.acceptPass()
        #expect(rows.memories[0].recordCount == 2)
        let row = try #require(try rows.find(model.byText.table, Text(composed)))
        #expect(row.contains(Text(composed), in: model.byText.texts))
        #expect(row.contains(Text(decomposed), in: model.byText.texts))
    }

    @Test("An inserted key may have 2,000 bytes; a longer one is refused, and looking for it finds nothing")
    func longestKey() throws {
        let rows = Rows(model.model, isComplete: true)
        let (longest, tooLong) = (String(repeating: "k", count: 2000), String(repeating: "k", count: 2001))
        apply(rows, [.touch(.text(longest)), .delete(.text(tooLong))])
        #expect(rows.memories[0].recordCount == 1)
        #expect(refusal(rows, at: 2, [.touch(.text(tooLong))])?.code == .outOfRange)
        #expect(refusal(rows, at: 3, [.touch(.pair(String(repeating: "k", count: 1989), 0))])?.code == .outOfRange)
        #expect(rows.memories.map(\.recordCount) == [1, 0, 0, 0, 0])
    }

    @Test("A sum that overflows refuses the event and leaves the row as it was")
    func overflow() throws {
        let rows = Rows(model.model, isComplete: true)
        apply(rows, [.integer(.number(1), .max - 1), .integer(.number(2), .min)])
        let before = rows.snapshot()
        #expect(refusal(rows, at: 2, [.add(.number(1), 1), .add(.number(1), 1)])?.code == .overflow)
        #expect(refusal(rows, at: 3, [.text(.number(2), "x"), .add(.number(2), -1)])?.code == .overflow)
        #expect(rows.snapshot() == before)
        apply(rows, at: 4, [.add(.number(1), 1)])
        #expect(try rows.find(model.byNumber.table, 1)?[model.byNumber.integer] == .max)
    }

    @Test("Setting what is there already changes nothing, not even the position")
    func unchanged() {
        let rows = Rows(model.model, isComplete: true)
        let key = ModelKey.text("a")
        let set: [RowOperation] = [
            .integer(key, 1), .optionalText(key, "x"), .optionalDouble(key, nil), .texts(key, ["b", "a"]),
            .list(key, ["c"]), .insertNumbers(key, first: 5, count: 2, step: 1),
        ]
        apply(rows, set)
        #expect(rows.memories[0].takeChanges().count == 1)
        apply(rows, at: 2, set, [.insertText(key, "a"), .touch(key)])
        #expect(rows.memories[0].takeChanges().isEmpty)
        #expect(rows.snapshot()[0].values.map(\.position) == [1])
    }

    @Test("A changed row is handed out once, as it is in the end")
    func changes() {
        let rows = Rows(model.model, isComplete: true)
        apply(
            rows,
            [.integer(.text("a"), 1)],
            [.integer(.text("a"), 2), .touch(.text("b"))],
            [.integer(.text("a"), 3)]
        )
        var store: StoredTables = [[:], [:], [:], [:], [:]]
        #expect(rows.memories[0].takeChanges().count == 2)
        #expect(rows.memories[0].takeChanges().isEmpty)
        apply(rows, at: 4, [.integer(.text("b"), 7)])
        rows.write(to: &store)
        #expect(store[0][Array("b".utf8)]?.cells[0] == .integer(7))
        #expect(store[0].count == 1)
    }

    @Test("A row that never reached the store is not removed from it; one that did is")
    func deletions() {
        let rows = Rows(model.model, isComplete: true)
        apply(rows, [.touch(.text("a")), .touch(.text("b"))], [.delete(.text("a"))])
        #expect(rows.memories[0].takeChanges().map { Array($0.key) } == [Array("b".utf8)])
        apply(rows, at: 3, [.delete(.text("b"))], [.touch(.text("b"))], [.delete(.text("b"))])
        let changes = rows.memories[0].takeChanges()
        #expect(changes.map { Array($0.key) } == [Array("b".utf8)])
        #expect(changes.allSatisfy { !$0.isPresent && $0.position == 5 })
        // It is gone now, so its coming and going again is nobody's business.
        apply(rows, at: 6, [.touch(.text("b"))], [.delete(.text("b"))])
        #expect(rows.memories[0].takeChanges().isEmpty)
    }

    @Test("Sets grow and shrink back over the length at which they become bits, byte for byte")
    func numberSets() throws {
        let key = ModelKey.number(0)
        let set = model.byNumber.numbers
        for count in [509, 510, 511, 512, 513] {
            for added in [1, 2, 5] {
                let rows = Rows(model.model, isComplete: true)
                apply(rows, [.insertNumbers(key, first: 8191, count: count, step: 8191)])
                let before = rows.snapshot()
                // Some are there already, so the undo must take only those away that were added.
                let more = RowOperation.insertNumbers(key, first: 7690, count: 8191 - 7690 + added, step: 1)
                #expect(refusal(rows, at: 2, [more, .refuse]) != nil)
                #expect(rows.snapshot() == before, "\(count) and \(added)")
                #expect(refusal(rows, at: 3, [.delete(key), more, .delete(key), .touch(key), more, .refuse]) != nil)
                #expect(rows.snapshot() == before, "\(count) and \(added)")
            }
        }
        let rows = Rows(model.model, isComplete: true)
        apply(rows, [.insertNumbers(key, first: 0, count: 8192, step: 1)])
        let row = try #require(try rows.find(model.byNumber.table, 0))
        #expect(!row.insert(8191, into: set))
        #expect(rows.snapshot()[1].values.first?.cells.last == .bytes([UInt8](repeating: 255, count: 1024)))
    }

    @Test("A decimal sum is exact, one of too many digits refuses the event, and the row is as it was")
    func decimals() throws {
        let rows = Rows(model.model, isComplete: true)
        let key = ModelKey.day(8_826)
        let tenth = try #require(ExactDecimal("0.1"))
        let most = try #require(ExactDecimal(String(repeating: "9", count: 38)))
        apply(rows, [.addDecimal(key, tenth)], [.addDecimal(key, tenth), .addDecimal(key, tenth)])
        var row = try #require(try rows.find(model.byDay.table, Day(rawValue: 8_826)))
        #expect(row[model.byDay.decimal].description == "0.3")
        #expect(row[model.byDay.optionalDecimal] == nil)
        let before = rows.snapshot()
        #expect(refusal(rows, at: 3, [.optionalDecimal(key, 1), .addDecimal(key, most)])?.code == .overflow)
        #expect(rows.snapshot() == before)
        apply(rows, at: 4, [.optionalDecimal(key, most), .decimal(key, .zero)])
        // A row is good for the event that it was given out for.
        row = try #require(try rows.find(model.byDay.table, Day(rawValue: 8_826)))
        #expect(row[model.byDay.optionalDecimal] == most)
        apply(rows, at: 5, [.optionalDecimal(key, nil)])
        #expect(rows.snapshot()[3] == [ModelKey.bytes(Int32(8_826)): StoredRow(position: 5, cells: ModelRow().cells)])
    }
}
