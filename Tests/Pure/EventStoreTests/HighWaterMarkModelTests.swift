import EventStore
import Refold
import Testing

/// A server of the simplest kind: transactions draw numbers, commit or roll back; samples are taken in two steps, with
/// anything in between.
private struct ModelServer {
    struct Writer {
        var drawn: [Int64] = []
        var name: String
    }

    var lastValue: Int64 = 0
    var open: [Int: Writer] = [:]
    var committed: Set<Int64> = []
    var names = 0

    mutating func step(_ random: inout SplitMix) {
        let slot = Int(random.next() % 6)
        switch (open[slot], random.next() % 10) {
        case (nil, _):
            names += 1
            lastValue += 1
            open[slot] = Writer(drawn: [lastValue], name: "\(slot)/\(names)")
        case (_?, 0..<5):
            lastValue += 1
            open[slot]?.drawn.append(lastValue)
        case (let writer?, 5..<8):
            committed.formUnion(writer.drawn)
            open[slot] = nil
        default:
            open[slot] = nil
        }
    }

    var holders: Set<BlockingTransaction> {
        Set(open.values.map { BlockingTransaction(virtualTransaction: $0.name, processID: 1) })
    }
    var lowestOpen: Int64 { open.values.flatMap(\.drawn).min() ?? .max }
}

private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// The mark as a queue of samples, as the rule is usually stated: strike from each earlier sample those that are gone;
/// the mark is the newest one that is empty.
private struct SampleQueue {
    var samples: [(h: Int64, holders: Set<BlockingTransaction>)] = []
    var mark: Int64 = 0

    mutating func observe(_ h: Int64, _ holders: Set<BlockingTransaction>) {
        for index in samples.indices { samples[index].holders.formIntersection(holders) }
        if samples.last?.h != h { samples.append((h, holders)) }
        while let first = samples.first, first.holders.isEmpty {
            mark = first.h
            samples.removeFirst()
        }
    }
}

@Suite("High-water mark against a model")
struct HighWaterMarkModelTests {
    @Test(
        "For random writers the mark never passes an open position, and is as high as a queue of samples gives",
        arguments: 1...40
    )
    func model(seed: Int) throws {
        var random = SplitMix(state: UInt64(seed))
        var server = ModelServer()
        var state = HighWaterMark()
        var queue = SampleQueue()
        for _ in 0..<2_000 {
            for _ in 0..<random.next() % 4 { server.step(&random) }
            let h = server.lastValue
            for _ in 0..<random.next() % 3 { server.step(&random) }
            let holders = server.holders
            try state.observe(
                lastValue: GlobalPosition(h),
                holders: holders,
                serverRun: ServerRun(startedAt: 1),
                at: ContinuousClock.now
            )
            queue.observe(h, holders)
            #expect(state.mark.rawValue < server.lowestOpen)
            #expect(state.mark.rawValue >= queue.mark)
            #expect((state.hold == nil) == (state.mark == state.lastValue))
        }
    }
}
