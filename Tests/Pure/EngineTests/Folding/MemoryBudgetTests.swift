import Engine
import Testing

@Suite("The memory that rows may take")
struct MemoryBudgetTests {
    @Test("One alone may have all of it")
    func alone() {
        let budget = MemoryBudget(limit: 900)
        #expect(budget.allowance(for: 1, using: 0) == 900)
        #expect(budget.allowance(for: 1, using: 5000) == 900)
    }

    @Test("Everyone may have what the others leave")
    func shared() {
        let budget = MemoryBudget(limit: 900)
        _ = budget.allowance(for: 1, using: 100)
        #expect(budget.allowance(for: 2, using: 0) == 800)
        #expect(budget.allowance(for: 1, using: 100) == 900)
    }

    @Test("However much the others take, an equal share is left")
    func equalShare() {
        let budget = MemoryBudget(limit: 900)
        _ = budget.allowance(for: 1, using: 900)
        _ = budget.allowance(for: 2, using: 900)
        #expect(budget.allowance(for: 3, using: 0) == 300)
    }

    @Test("What one took that has left is the others' again")
    func leaving() {
        let budget = MemoryBudget(limit: 900)
        _ = budget.allowance(for: 1, using: 600)
        #expect(budget.allowance(for: 2, using: 0) == 450)
        budget.leave(1)
        budget.leave(7)
        #expect(budget.allowance(for: 2, using: 0) == 900)
    }
}
