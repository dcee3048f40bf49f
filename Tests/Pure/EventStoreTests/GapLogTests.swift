import EventStore
import Refold
import Testing

@Suite("Holes that were passed")
struct GapLogTests {
    @Test("Holes are ranges, also one of a billion positions")
    func ranges() {
        var holes = GapLog(after: 10)
        for position: GlobalPosition in [11, 12, 15, 1_000_000_016] { holes.pass(position) }
        holes.pass(emptyThrough: 1_000_000_020)
        #expect(
            holes.stretches == [
                PositionRange(after: 12, through: 14),
                PositionRange(after: 15, through: 1_000_000_015),
                PositionRange(after: 1_000_000_016, through: 1_000_000_020),
            ]
        )
    }

    @Test("Empty positions passed in two steps are one hole")
    func empty() {
        var holes = GapLog(after: 0)
        holes.pass(emptyThrough: 5)
        holes.pass(emptyThrough: 5)
        holes.pass(emptyThrough: 9)
        #expect(holes.take() == [PositionRange(after: 0, through: 9)])
        holes.pass(10)
        #expect(holes.stretches.isEmpty)
    }

    @Test("Too many holes become stretches whose events are counted", arguments: [2, 3, 7, 64])
    func bounded(limit: Int) {
        var holes = GapLog(after: 0, limit: limit)
        var present: Set<Int64> = []
        var position: Int64 = 0
        for step in 0..<5_000 {
            position += 1 + Int64(step % 3)
            present.insert(position)
            holes.pass(GlobalPosition(position))
        }
        #expect(holes.stretches.count <= limit)
        var missing = Set(1...position).subtracting(present)
        for stretch in holes.stretches {
            let range = (stretch.after.rawValue + 1)...stretch.through.rawValue
            #expect(Int64(range.filter(present.contains).count) == stretch.events)
            missing.subtract(range)
        }
        #expect(missing.isEmpty, "every hole is in a stretch")
    }

    @Test("What later readers passed is taken in")
    func joined() {
        var all = GapLog(after: 0)
        var later = GapLog(after: 0)
        later.pass(2)
        all.pass(later)
        var next = GapLog(after: 2)
        next.pass(5)
        all.pass(next)
        #expect(all.stretches == [PositionRange(after: 0, through: 1), PositionRange(after: 2, through: 4)])
        #expect(all.through == 5)
    }
}
