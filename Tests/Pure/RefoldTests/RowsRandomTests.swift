import Refold
import TestSupport
import Testing

@Suite("Rows against a dictionary")
struct RowsRandomTests {
    private let model = RowsModel()

    /// The dictionary's rows as the store should have them, positions apart.
    private func cells(_ rows: [ModelKey: ModelRow]) -> [[[UInt8]: [ModelCell]]] {
        var tables: [[[UInt8]: [ModelCell]]] = [[:], [:], [:], [:], [:]]
        for (key, row) in rows { tables[model.tableIndex(of: key)][key.encoded] = row.cells }
        return tables
    }

    private func cells(_ tables: StoredTables) -> [[[UInt8]: [ModelCell]]] {
        tables.map { $0.mapValues(\.cells) }
    }

    @Test(
        "Whatever events do in memory, the rows are the dictionary's; refused events leave every byte as it was",
        arguments: 1...6
    )
    func inMemory(seed: Int) throws {
        var operations = RandomOperations(seed: UInt64(seed))
        let rows = Rows(model.model, isComplete: true)
        var expected: [ModelKey: ModelRow] = [:]
        var store: StoredTables = [[:], [:], [:], [:], [:]]
        var position: Int64 = 0
        for _ in 0..<80 {
            let before = (rows: rows.snapshot(), expected: expected)
            rows.beginPass()
            for _ in 0..<8 {
                position += Int64.random(in: 1...3, using: &operations.generator)
                let events = operations.event()
                let beforeEvent = (rows: rows.snapshot(), expected: expected)
                let result = rows.apply(
                    ScriptedProjection.event(at: position),
                    with: ScriptedProjection(model, [position: events])
                )
                if events.allSatisfy({ $0.apply(to: &expected) }) {
                    guard case .applied = result else {
                        Issue.record("seed \(seed), event \(position) is \(result): \(events)")
                        return
                    }
                    for (table, previous) in zip(rows.snapshot(), beforeEvent.rows) {
                        for (key, row) in table where row.cells != previous[key]?.cells {
                            #expect(row.position == position, "a changed row says which event it was")
                        }
                    }
                } else {
                    guard case .refused = result else {
                        Issue.record("seed \(seed), event \(position) is \(result): \(events)")
                        return
                    }
                    expected = beforeEvent.expected
                    #expect(rows.snapshot() == beforeEvent.rows, "seed \(seed): \(events)")
                }
            }
            #expect(cells(rows.snapshot()) == cells(expected), "seed \(seed), up to \(position)")
            if operations.generator.once(in: 4) {
                rows.undoPass()
                expected = before.expected
                #expect(rows.snapshot() == before.rows, "seed \(seed): an undone pass, up to \(position)")
            } else {
                rows.acceptPass()
            }
            if operations.generator.once(in: 3) {
                rows.write(to: &store)
                #expect(store == rows.snapshot(), "seed \(seed): what was written, up to \(position)")
            }
        }
    }

    @Test("Rows that come and go give the same as rows that stay", arguments: 1...6)
    func comingAndGoing(seed: Int) throws {
        var operations = RandomOperations(seed: UInt64(100 + seed))
        operations.drawn +=
            (0..<30).map { .text("more \($0)") } + (0..<30).map { .pair("more", $0) }
            + (100..<130).map { .day($0) }
        let rows = Rows(model.model, isComplete: false)
        let staying = Rows(model.model, isComplete: true)
        var expected: [ModelKey: ModelRow] = [:]
        var store: StoredTables = [[:], [:], [:], [:], [:]]
        var position: Int64 = 0
        for _ in 0..<60 {
            let first = position + 1
            position += 20
            var script: [Int64: [RowOperation]] = [:]
            for position in first...position { script[position] = operations.event() }
            let projection = ScriptedProjection(model, script)

            let refused = fold(first...position, projection, rows, store, seed)
            staying.beginPass()
            for position in first...position {
                var next = expected
                let isRefused = !script[position, default: []].allSatisfy { $0.apply(to: &next) }
                #expect(refused.contains(position) == isRefused, "seed \(seed), event \(position)")
                if !isRefused { expected = next }
                _ = staying.apply(ScriptedProjection.event(at: position), with: projection)
            }
            staying.acceptPass()

            if operations.generator.once(in: 2) { rows.write(to: &store) }
            rows.evict(downTo: Int.random(in: 0...rows.bytes, using: &operations.generator))
        }
        rows.write(to: &store)
        #expect(cells(store) == cells(expected), "seed \(seed)")
        #expect(store == staying.snapshot(), "seed \(seed): the positions are the same too")
        rows.beginPass()
        rows.evict(downTo: 0)
        #expect(rows.bytes == 0, "seed \(seed): everything is clean and can go")
        #expect(rows.memories.allSatisfy { $0.recordCount == 0 })
    }

    /// Passes until none misses.
    ///
    /// - Returns: the events that were refused.
    private func fold(
        _ positions: ClosedRange<Int64>,
        _ projection: ScriptedProjection,
        _ rows: Rows,
        _ store: StoredTables,
        _ seed: Int
    ) -> Set<Int64> {
        for _ in 0..<1000 {
            var refused: Set<Int64> = []
            rows.beginPass()
            for position in positions {
                if case .refused = rows.apply(ScriptedProjection.event(at: position), with: projection) {
                    refused.insert(position)
                }
            }
            if !rows.hasMissingKeys {
                rows.acceptPass()
                return refused
            }
            rows.undoPass()
            // What is loaded may go again before it was used; the pass after still gets further.
            if positions.lowerBound % 40 == 1 { rows.evict(downTo: rows.bytes / 2) }
            rows.loadMissing(from: store)
        }
        Issue.record("seed \(seed): a thousand passes over \(positions) all missed rows")
        return []
    }
}
