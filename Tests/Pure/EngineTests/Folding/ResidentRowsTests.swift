import Engine
import Refold
import TestProjections
import Testing

/// Keeping rows within the budget; no server.
@Suite("Rows in memory")
struct ResidentRowsTests {
    private let projection = EveryType([
        1: { types, rows in
            for number: Int64 in 0..<2_000 { try rows.findOrInsert(types.numbered, number)[types.note] = "some text" }
        }
    ])

    /// Two thousand rows, changed in an earlier window.
    private func resident(_ budget: MemoryBudget, changed: Bool = false) -> ResidentRows {
        let resident = ResidentRows(projection.model, of: 1, isEmpty: true, budget: budget)
        resident.rows.beginPass()
        _ = resident.rows.apply(Event(position: 1, type: .put, payload: "{}"), with: projection)
        resident.rows.acceptPass()
        if !changed { for memory in resident.rows.memories { _ = memory.takeChanges() } }
        // The rows of the pass before may leave.
        resident.rows.beginPass()
        return resident
    }

    @Test("There is room as long as the rows and what is to come are within the budget")
    func room() {
        let resident = resident(MemoryBudget(limit: 64 << 20))
        let bytes = resident.rows.bytes
        #expect(bytes > 0 && resident.hasRoom(for: 0))
        #expect(resident.hasRoom(for: (64 << 20) - bytes))
        #expect(!resident.hasRoom(for: (64 << 20) - bytes + 1 + bytes))
    }

    @Test("Rows that are committed leave until what is to come has room, with some to spare")
    func evicts() {
        let budget = MemoryBudget(limit: 1 << 20)
        let resident = resident(budget)
        let before = resident.rows.bytes
        let limit = before * 3 / 4
        let small = self.resident(MemoryBudget(limit: limit))
        #expect(!small.hasRoom(for: 0))
        small.evict(toHold: 0)
        #expect(small.fits(0))
        #expect(small.rows.bytes <= limit * 7 / 8)
    }

    @Test("What has changed since the last commit stays")
    func changed() {
        let resident = resident(MemoryBudget(limit: 1), changed: true)
        let count = resident.rows.memories[2].allRows().count
        resident.evict(toHold: 0)
        #expect(resident.rows.memories[2].allRows().count == count && count == 2_000)
    }

    @Test("What is no longer there takes nothing from the others")
    func leaves() {
        let budget = MemoryBudget(limit: 1_000_000)
        do {
            let resident = resident(budget)
            _ = resident.hasRoom(for: 0)
            #expect(budget.allowance(for: 2, using: 0) < 1_000_000)
        }
        #expect(budget.allowance(for: 2, using: 0) == 1_000_000)
    }
}
