import Engine
import Testing

@Suite("Generations that could not be released")
struct UnreleasedGenerationsTests {
    // The macro reads its operands as constants.
    private func begin(_ left: inout UnreleasedGenerations) -> GenerationNumber? { left.begin() }

    private func keep(_ generation: GenerationNumber, in left: inout UnreleasedGenerations) -> Bool {
        left.keep(generation)
    }

    @Test("Each is released once, and again when that failed")
    func released() {
        var left = UnreleasedGenerations()
        #expect(begin(&left) == nil)
        left.add(3)
        #expect(begin(&left) == 3)
        left.end(isReleased: false)
        #expect(begin(&left) == 3)
        left.end(isReleased: true)
        #expect(begin(&left) == nil)
    }

    @Test("One that is acquired again is not released; while it is being released, the acquisition waits")
    func kept() {
        var left = UnreleasedGenerations()
        left.add(3)
        #expect(keep(3, in: &left))
        #expect(begin(&left) == nil)
        left.add(3)
        #expect(begin(&left) == 3)
        #expect(!keep(3, in: &left))
        #expect(keep(4, in: &left))
        left.end(isReleased: false)
        #expect(keep(3, in: &left))
        #expect(begin(&left) == nil)
    }
}
