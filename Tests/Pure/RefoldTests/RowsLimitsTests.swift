import Refold
import Testing

/// What PostgreSQL could not store refuses its event, with the field and the limit.
@Suite("Limits of rows")
struct RowsLimitsTests {
    private let model = RowsModel()

    /// What the event is refused for; the rows are as before then.
    private func refusal(_ operations: RowOperation...) throws -> EventRefusal? {
        let rows = Rows(model.model, isComplete: true)
        rows.beginPass()
        _ = rows.apply(ScriptedProjection.event(at: 1), with: ScriptedProjection(model, [1: [.text(.text("a"), "b")]]))
        let before = rows.snapshot()
        let outcome = rows.apply(ScriptedProjection.event(at: 2), with: ScriptedProjection(model, [2: operations]))
        guard case .refused(let error) = outcome else { return nil }
        #expect(rows.snapshot() == before)
        // The next event is judged for itself.
        guard case .applied = rows.apply(ScriptedProjection.event(at: 3), with: ScriptedProjection(model, [3: []]))
        else {
            Issue.record("the event behind is refused too")
            return nil
        }
        return try #require(error as? EventRefusal)
    }

    /// From bytes: `String(repeating:count:)` appends one by one, which takes seconds for texts of this length.
    private func text(_ count: Int) -> String {
        String(decoding: [UInt8](repeating: UInt8(ascii: "x"), count: count), as: UTF8.self)
    }

    @Test("A text of more than 256 MiB")
    func texts() throws {
        let most = text(Rows.longestText)
        #expect(try refusal(.text(.text("a"), most)) == nil)
        let refused = try #require(try refusal(.text(.text("a"), most + "x")))
        #expect(refused.code == .outOfRange && refused.field == "text")
        #expect(refused.reason == "a text of by_text would have 268435457 bytes, more than 268435456")
        #expect(try refusal(.optionalText(.number(1), most + "x"))?.field == "optional_text")
    }

    @Test("A list or set of texts of more than 64 MiB")
    func collections() throws {
        // Sixteen of them, each with its length, are 64 MiB to the byte.
        let texts = (10..<26).map { "\($0)" + text((4 << 20) - 6) }
        #expect(try refusal(.list(.text("a"), texts)) == nil)
        #expect(try refusal(.texts(.text("a"), texts)) == nil)
        #expect(try refusal(.texts(.text("a"), texts), .insertText(.text("a"), texts[3])) == nil)
        for operations: [RowOperation] in [
            [.list(.text("a"), texts + [""])], [.optionalList(.text("a"), texts + [""])],
            [.texts(.text("a"), texts + [""])],
            [.texts(.text("a"), texts), .insertText(.text("a"), "")],
        ] {
            let refused = try #require(try refusal(operations[0], operations.last!))
            #expect(refused.code == .outOfRange)
            #expect(["list", "optional_list", "texts"].contains(refused.field))
            #expect(refused.reason == "a collection of by_text would have 67108868 bytes, more than 67108864")
        }
    }

    @Test("A key of more than 2,000 bytes is refused, and finds nothing")
    func keys() throws {
        let key = text(Rows.longestKey)
        #expect(try refusal(.touch(.text(key))) == nil)
        #expect(try refusal(.touch(.pair(text(Rows.longestKey - 12), 1))) == nil)
        let refused = try #require(try refusal(.touch(.text(key + "x"))))
        #expect(refused.code == .outOfRange && refused.field == "id")
        #expect(refused.reason == "a key of by_text has 2001 bytes, more than 2000")
        #expect(try refusal(.touch(.pair(text(Rows.longestKey - 11), 1)))?.field == "id")
        // Nor is the database asked for it.
        let rows = Rows(model.model, isComplete: false)
        rows.beginPass()
        #expect(try rows.find(model.byText.table, Text(key + "x")) == nil)
        #expect(!rows.hasMissingKeys)
    }

    @Test("A number that a set of numbers does not hold")
    func numbers() throws {
        struct Inserting: Projection {
            let name: ProjectionName = "inserting"
            let version = 1
            let eventTypes: [EventType] = [.scripted]
            let rowsModel: RowsModel
            var model: ReadModel { rowsModel.model }

            func apply(_ event: Event, to rows: Rows) throws {
                let row = try rows.findOrInsert(rowsModel.byText.table, "a")
                row.insert(UInt16(event.position.rawValue), into: rowsModel.byText.numbers)
            }
        }
        let rows = Rows(model.model, isComplete: true)
        rows.beginPass()
        guard
            case .refused(let error) = rows.apply(
                ScriptedProjection.event(at: 8_192),
                with: Inserting(rowsModel: model)
            )
        else {
            Issue.record("the event is not refused")
            return
        }
        #expect("\(error)" == "numbers: the number 8192 is too large for a set of by_text: it holds those below 8192")
        #expect(rows.snapshot()[0].isEmpty)
        guard case .applied = rows.apply(ScriptedProjection.event(at: 8_191), with: Inserting(rowsModel: model)) else {
            Issue.record("the event is refused")
            return
        }
    }
}
