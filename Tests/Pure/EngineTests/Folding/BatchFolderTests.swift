import Engine
import EventStore
import Postgres
import Refold
import TestProjections
import Testing

/// What a pass over a batch comes to; no server.
@Suite("Folding a batch")
struct BatchFolderTests {
    private struct Refusal: Error {}

    /// Event 1 and 2 make rows, 3 is refused after it has changed one, 4 makes another.
    private let projection = EveryType([
        1: { types, rows in try rows.findOrInsert(types.numbered, 1)[types.note] = "one" },
        2: { types, rows in try rows.findOrInsert(types.numbered, 2)[types.note] = "two" },
        3: { types, rows in
            try rows.findOrInsert(types.numbered, 1)[types.note] = "half done"
            throw Refusal()
        },
        4: { types, rows in try rows.findOrInsert(types.numbered, 4)[types.note] = "four" },
    ])
    private let batch = FakeLog.block(after: 0, through: 4).batches[0]

    private func fold(
        _ policy: RefusalPolicy,
        _ bisection: FaultBisection = FaultBisection(),
        into rows: EveryRow
    ) -> BatchFolder.Outcome {
        BatchFolder(projection, policy: policy, bisection: bisection).fold(batch, 0..<batch.count, into: rows.rows)
    }

    private func notes(_ rows: EveryRow) -> Int { rows.content[2].count }

    @Test("Under stop it ends before the refused event, with everything before it in the rows")
    func stops() throws {
        let rows = EveryRow(projection.model)
        guard case .folded(let pass) = fold(.stop, into: rows) else {
            Issue.record("nothing was missing")
            return
        }
        #expect(pass.refusal?.event.position == 3 && pass.refusal?.error is Refusal)
        #expect(pass.events == 2 && pass.deadLetters.isEmpty)
        let expected = EveryRow(projection.model)
        for position: Int64 in 1...2 { expected.apply(projection, at: position) }
        #expect(rows.content == expected.content)
    }

    @Test("Under skip it sets the refused event aside and goes on")
    func skips() throws {
        let rows = EveryRow(projection.model)
        guard case .folded(let pass) = fold(.skip, into: rows) else {
            Issue.record("nothing was missing")
            return
        }
        #expect(pass.end == 4 && pass.events == 4 && pass.refusal == nil)
        #expect(pass.deadLetters.map(\.position) == [3])
        #expect(notes(rows) == 3)
    }

    @Test("An event that the database refused is not applied")
    func culprit() throws {
        var bisection = FaultBisection()
        let cause = PostgresError(.server, operation: "commit", message: "too long")
        let isNarrowed = bisection.narrow(after: RefusedByDatabase(position: 2, cause: cause))
        #expect(isNarrowed)
        let rows = EveryRow(projection.model)
        guard case .folded(let pass) = fold(.skip, bisection, into: rows) else {
            Issue.record("nothing was missing")
            return
        }
        #expect(pass.deadLetters.map(\.position) == [2, 3])
        #expect(pass.deadLetters.first?.error.contains("too long") == true)
        #expect(notes(rows) == 2)
    }

    @Test("A pass that misses rows changes nothing and names the keys of all its events")
    func misses() throws {
        let rows = EveryRow(projection.model, isComplete: false)
        guard case .missing = fold(.stop, into: rows) else {
            Issue.record("no row is in memory")
            return
        }
        #expect(rows.rows.missingKeys[2].count == 3)
        for memory in rows.rows.memories { memory.markComplete() }
        #expect(rows.content.allSatisfy { $0.isEmpty })
    }

    @Test("A pass whose undoing takes much ends early, and the next one goes on behind it")
    func large() throws {
        var script: EveryType.Script = [:]
        for position: Int64 in 1...4 {
            let digit = UInt8(ascii: "0") + UInt8(position)
            let text = Text(String(decoding: [UInt8](repeating: digit, count: 5 << 20), as: UTF8.self))
            script[position] = { types, rows in try rows.findOrInsert(types.numbered, 1)[types.note] = text }
        }
        let projection = EveryType(script)
        let folder = BatchFolder(projection, policy: .stop, bisection: FaultBisection())
        let rows = EveryRow(projection.model)
        var (end, passes) = (0, 0)
        while end < batch.count {
            guard case .folded(let pass) = folder.fold(batch, end..<batch.count, into: rows.rows) else {
                Issue.record("nothing is missing")
                return
            }
            (end, passes) = (pass.end, passes + 1)
        }
        #expect(passes > 1)
        #expect(notes(rows) == 1)
    }
}
