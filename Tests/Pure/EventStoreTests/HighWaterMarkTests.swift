import EventStore
import Refold
import Testing

@Suite("High-water mark")
struct HighWaterMarkTests {
    private let run = ServerRun(startedAt: 1)
    private let start = ContinuousClock.now
    private let a = BlockingTransaction(virtualTransaction: "3/1", processID: 100)
    private let b = BlockingTransaction(virtualTransaction: "4/1", processID: 101)

    @Test("Without writers the mark is the newest position at once")
    func idle() throws {
        var state = HighWaterMark()
        try state.observe(lastValue: 1_000_000, holders: [], serverRun: run, at: start)
        #expect(state.mark == 1_000_000)
        #expect(state.hold == nil)
    }

    @Test("A writer seen in the first sample holds everything above the stored mark")
    func firstSample() throws {
        var state = HighWaterMark(from: 40)
        try state.observe(lastValue: 50, holders: [a], serverRun: run, at: start)
        #expect(state.mark == 40)
        #expect(state.hold == BlockedMark(position: 41, transaction: a, since: start))
        try state.observe(lastValue: 50, holders: [], serverRun: run, at: start)
        #expect(state.mark == 50)
        #expect(state.hold == nil)
    }

    @Test("A later writer does not hold back what an earlier sample had drawn")
    func slides() throws {
        var state = HighWaterMark()
        try state.observe(lastValue: 10, holders: [a], serverRun: run, at: start)
        try state.observe(lastValue: 20, holders: [a, b], serverRun: run, at: start)
        #expect(state.mark == 0)
        try state.observe(lastValue: 30, holders: [b], serverRun: run, at: start)
        #expect(state.mark == 10, "b took its lock after 10 had been drawn")
        try state.observe(lastValue: 30, holders: [], serverRun: run, at: start)
        #expect(state.mark == 30)
    }

    @Test("A position drawn early holds the mark however many writers come and go")
    func drawnEarly() throws {
        var state = HighWaterMark()
        try state.observe(lastValue: 1, holders: [a], serverRun: run, at: start)
        for sample in 0..<10_000 {
            let other = BlockingTransaction(virtualTransaction: "5/\(sample)", processID: 7)
            try state.observe(
                lastValue: GlobalPosition(Int64(sample + 2)),
                holders: [a, other],
                serverRun: run,
                at: start
            )
        }
        #expect(state.mark == 0)
        #expect(state.hold?.transaction.processID == 100)
        try state.observe(lastValue: 20_000, holders: [], serverRun: run, at: start)
        #expect(state.mark == 20_000)
    }

    @Test("A run without holes moves the mark past writers that are still open")
    func contiguous() throws {
        var state = HighWaterMark()
        try state.observe(lastValue: 10, holders: [a], serverRun: run, at: start)
        state.advance(throughContiguous: 7, at: start)
        #expect(state.mark == 7)
        #expect(state.hold?.position == 8)
        state.advance(throughContiguous: 5, at: start)
        #expect(state.mark == 7)
        try state.observe(lastValue: 12, holders: [a], serverRun: run, at: start)
        state.advance(throughContiguous: 12, at: start)
        #expect(state.mark == 12)
        #expect(state.hold == nil)
        try state.observe(lastValue: 15, holders: [a], serverRun: run, at: start)
        #expect(state.mark == 12)
    }

    @Test("Positions that were inserted without being drawn do not make the log longer than it is")
    func notDrawn() throws {
        var state = HighWaterMark()
        try state.observe(lastValue: 10, holders: [a], serverRun: run, at: start)
        state.advance(throughContiguous: 12, at: start)
        #expect(state.mark == 10 && state.lastValue == 10)
        try state.observe(lastValue: 10, holders: [a], serverRun: run, at: start)
        #expect(state.mark == 10)
    }

    @Test("A prepared transaction keeps its hold, under its own name or a new one")
    func prepared() throws {
        for name in ["3/1", "-1/745"] {
            var state = HighWaterMark()
            try state.observe(lastValue: 10, holders: [], serverRun: run, at: start)
            try state.observe(lastValue: 11, holders: [a], serverRun: run, at: start)
            try state.observe(lastValue: 20, holders: [a, b], serverRun: run, at: start)
            let prepared = BlockingTransaction(virtualTransaction: name, processID: nil)
            try state.observe(lastValue: 30, holders: [prepared], serverRun: run, at: start)
            #expect(state.mark == 10, "\(name)")
            try state.observe(lastValue: 30, holders: [], serverRun: run, at: start)
            #expect(state.mark == 30)
        }
    }

    @Test("A new server run starts again from the stored mark")
    func newRun() throws {
        var state = HighWaterMark(from: 5)
        try state.observe(lastValue: 10, holders: [a], serverRun: run, at: start)
        state.advance(throughContiguous: 9, at: start)
        state.store(8)
        // The crash took numbers back that nobody had committed.
        try state.observe(
            lastValue: 8,
            holders: [BlockingTransaction(virtualTransaction: "-1/9", processID: nil)],
            serverRun: ServerRun(startedAt: 2),
            at: start
        )
        #expect(state.mark == 8)
    }

    @Test("A sequence that was set back is an error, in the same run and against the stored mark")
    func setBack() throws {
        var state = HighWaterMark()
        try state.observe(lastValue: 10, holders: [], serverRun: run, at: start)
        let error = #expect(throws: EventStoreError.self) {
            try state.observe(lastValue: 9, holders: [], serverRun: run, at: start)
        }
        #expect(error?.code == .logShrank)
        var stored = HighWaterMark(from: 100)
        #expect(throws: EventStoreError.self) {
            try stored.observe(lastValue: 99, holders: [], serverRun: run, at: start)
        }
    }

    @Test("A hold's age is the time the mark has stood, not the age of the sample")
    func holdAge() throws {
        var state = HighWaterMark()
        try state.observe(lastValue: 10, holders: [a], serverRun: run, at: start)
        try state.observe(lastValue: 20, holders: [a, b], serverRun: run, at: start + .seconds(2))
        #expect(state.hold == BlockedMark(position: 1, transaction: a, since: start))
        try state.observe(lastValue: 20, holders: [b], serverRun: run, at: start + .seconds(3))
        #expect(state.hold == BlockedMark(position: 11, transaction: b, since: start + .seconds(3)))
    }

    @Test("Samples are quick while the mark may move, and slow when nothing happens or a hold lasts")
    func pacing() {
        let pacing = SamplePacing()
        let hold = BlockedMark(position: 1, transaction: a, since: start)
        let moved = MarkSample(mark: 5, lastValue: 5, moved: true)
        #expect(pacing.wait(after: moved, at: start) == .milliseconds(2))
        #expect(pacing.wait(after: MarkSample(mark: 5, lastValue: 5), at: start) == .milliseconds(10))
        let held = MarkSample(mark: 0, lastValue: 5, hold: hold)
        #expect(pacing.wait(after: held, at: start) == .milliseconds(1))
        #expect(pacing.wait(after: held, at: start + .milliseconds(500)) == .milliseconds(5))
        #expect(pacing.wait(after: held, at: start + .seconds(60)) == .milliseconds(10))
    }
}
