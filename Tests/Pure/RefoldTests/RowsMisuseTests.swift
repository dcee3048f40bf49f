import Refold
import Testing

/// A projection that asks for what cannot be is wrong as it stands: it stops with a message, in a release too, before
/// anything is written.
@Suite("Mistakes in a projection")
struct RowsMisuseTests {
    @Test("Looking in a table with a key that has other columns stops")
    func otherKey() async {
        await #expect(processExitsWith: .failure) {
            let model = RowsModel()
            _ = try Rows(model.model, isComplete: true).find(model.byPair.table, "a")
        }
        await #expect(processExitsWith: .failure) {
            let model = RowsModel()
            _ = try Rows(model.model, isComplete: true).findOrInsert(model.byText.table, 1)
        }
        await #expect(processExitsWith: .failure) {
            let model = RowsModel()
            _ = try Rows(model.model, isComplete: true).findOrInsert(model.byNumber.table, "a", 1)
        }
    }

    @Test("Asking a row for a column of another table stops")
    func otherColumn() async {
        await #expect(processExitsWith: .failure) {
            let model = RowsModel()
            let row = try Rows(model.model, isComplete: true).findOrInsert(model.byText.table, "a")
            row[model.byNumber.integer] = 1
        }
    }

    @Test("Looking in a table of another model, and asking a row for a column of one, stops")
    func otherModel() async {
        await #expect(processExitsWith: .failure) {
            var other = ReadModel()
            let table = other.addTable("others", key: .text("id"))
            _ = try Rows(RowsModel().model, isComplete: true).findOrInsert(table, "a")
        }
        await #expect(processExitsWith: .failure) {
            var other = ReadModel()
            let column: Column<ExactDecimal> = other.addColumn("sum", to: other.addTable("others", key: .text("id")))
            let model = RowsModel()
            let row = try Rows(model.model, isComplete: true).findOrInsert(model.byText.table, "a")
            row[column] = 1
        }
        await #expect(processExitsWith: .failure) {
            var other = ReadModel()
            let _: Column<ExactDecimal> = other.addColumn("sum", to: RowsModel().byText.table)
        }
        await #expect(processExitsWith: .success) {
            let model = RowsModel()
            let rows = Rows(RowsModel().model, isComplete: true)
            try withExtendedLifetime(rows) {
                try $0.findOrInsert(model.byText.table, "a")[model.byText.integer] = 1
            }
        }
    }

    @Test("Names and keys that PostgreSQL or Refold cannot use stop where they are given")
    func names() async {
        await #expect(processExitsWith: .failure) {
            var model = ReadModel()
            _ = model.addTable(String(repeating: "t", count: 41), key: .text("id"))
        }
        await #expect(processExitsWith: .failure) {
            var model = ReadModel()
            _ = model.addTable("t", key: .integer("id"), .text("part"))
        }
        await #expect(processExitsWith: .failure) {
            var model = ReadModel()
            let table = model.addTable("t", key: .text("id"))
            let _: Column<Int64> = model.addColumn("generation", to: table)
        }
        await #expect(processExitsWith: .failure) {
            var model = ReadModel()
            let table = model.addTable("t", key: .text("id"))
            let _: Column<Int64> = model.addColumn("_position", to: table)
        }
        await #expect(processExitsWith: .success) {
            var model = ReadModel()
            let table = model.addTable(String(repeating: "t", count: 40), key: .text("id"), .integer("part"))
            let _: Column<Int64> = model.addColumn("position", to: table)
        }
    }
}
