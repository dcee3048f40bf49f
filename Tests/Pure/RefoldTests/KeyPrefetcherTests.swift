import Refold
import TestSupport
import Testing

/// Counts what names and pairs occur.
private struct Tally: Projection {
    let name: ProjectionName = "tally"
    let version = 1
    let eventTypes: [EventType] = [.seen, .seenTwice]
    let model: ReadModel
    private let names: Table
    private let count: Column<Int64>
    private let pairs: Table
    private let pairCount: Column<Int64>

    init() {
        var model = ReadModel()
        names = model.addTable("names", key: .text("name"))
        count = model.addColumn("count", to: names)
        pairs = model.addTable("pairs", key: .text("name"), .integer("part"))
        pairCount = model.addColumn("count", to: pairs)
        self.model = model
    }

    func apply(_ event: Event, to rows: Rows) throws {
        let (name, part) = try (event.payload.text("name"), event.payload.integer("part"))
        try rows.findOrInsert(names, name).add(1, to: count)
        try rows.findOrInsert(pairs, name, part).add(1, to: pairCount)
        if event.type == .seenTwice, let other = try event.payload.optionalText("other") {
            try rows.find(names, other)?.add(1, to: count)
            try rows.find(pairs, other, part)?.add(1, to: pairCount)
        }
    }
}

extension EventType {
    fileprivate static let seen: EventType = "tally.seen"
    fileprivate static let seenTwice: EventType = "tally.seen_twice"
}

@Suite("Looking ahead at the rows of coming events")
struct KeyPrefetcherTests {
    /// An event as the test knows it, and as it is written.
    private struct Sighting {
        var name: String
        var part: Int64
        var other: String?

        /// - Parameter generator: draws the order of the fields and whether the name is written with an escape.
        func payload(_ generator: inout SeededGenerator) -> String {
            let written =
                generator.once(in: 9) && !name.isEmpty
                ? "\\u\(name.utf16.first!.asHexadecimal)" + name.dropFirst() : name
            var fields = ["\"name\": \"\(written)\"", "\"part\": \(part)", "\"note\": \"\(name)\""]
            if let other { fields.append("\"other\": \"\(other)\"") }
            // Mostly in one order, so that there is a pattern, and now and then not as learned.
            if generator.once(in: 4) { fields.shuffle(using: &generator) }
            return "{\(fields.joined(separator: ", "))}"
        }
    }

    private func sighting(_ generator: inout SeededGenerator) -> Sighting {
        func name() -> String {
            if generator.once(in: 50) { return generator.pick(["", "é", String(repeating: "long", count: 400)]) }
            return "name \(Int.random(in: 0..<400, using: &generator))"
        }
        // Neighbours, and numbers far apart and below 0.
        let part =
            generator.once(in: 3)
            ? generator.pick([-1, -4, 5, 1 << 40, -(1 << 53)]) : Int64.random(in: 0...9, using: &generator)
        return Sighting(name: name(), part: part, other: generator.once(in: 2) ? name() : nil)
    }

    @Test("The rows are the same with and without, whatever the events are like", arguments: 1...6)
    func same(seed: Int) throws {
        var generator = SeededGenerator(seed: UInt64(seed))
        let tally = Tally()
        let rows = Rows(tally.model, isComplete: true)
        var builder = EventBatchBuilder(types: EventTypeCatalog(tally.eventTypes), reads: [])
        var names: [String: Int64] = [:]
        var pairs: [String: [Int64: Int64]] = [:]
        var position: Int64 = 0
        for _ in 0..<60 {
            for _ in 0..<Int.random(in: 1...200, using: &generator) {
                position += 1
                let seen = sighting(&generator)
                let isOfNoUse = generator.once(in: 20)
                let type = isOfNoUse ? "tally.other" : seen.other == nil ? "tally.seen" : "tally.seen_twice"
                builder.append(position: position, type: type, timestamp: 0, payload: seen.payload(&generator))
                if isOfNoUse { continue }
                names[seen.name, default: 0] += 1
                pairs[seen.name, default: [:]][seen.part, default: 0] += 1
                guard let other = seen.other else { continue }
                if names[other] != nil { names[other]! += 1 }
                if pairs[other]?[seen.part] != nil { pairs[other]![seen.part]! += 1 }
            }
            let batch = builder.finish()
            rows.beginPass()
            for index in batch.indices {
                // Some events are looked at, some are not, as in a pass over a part of a batch.
                if index % 64 == 0 {
                    rows.lookAhead(at: index..<min(index + Rows.lookAheadDistance, batch.count), of: batch)
                }
                guard let type = batch[index].type, tally.eventTypes.contains(type) else { continue }
                guard case .applied = rows.apply(batch.borrow(index), with: tally) else {
                    Issue.record("seed \(seed): event \(batch[index].position) is not applied")
                    return
                }
            }
            rows.acceptPass()
        }
        let fold = rows.memories.map { memory in
            Dictionary(uniqueKeysWithValues: memory.allRows().map { (Array($0.key), Int64(bitPattern: $0.word(0))) })
        }
        let expectedPairs = pairs.flatMap { name, parts in
            parts.map { (encoded(name, $0.key), $0.value) }
        }
        #expect(fold[0] == Dictionary(uniqueKeysWithValues: names.map { (Array($0.key.utf8), $0.value) }))
        #expect(fold[1] == Dictionary(uniqueKeysWithValues: expectedPairs))
    }

    private func encoded(_ name: String, _ part: Int64) -> [UInt8] {
        let length = withUnsafeBytes(of: UInt32(name.utf8.count).littleEndian) { Array($0) }
        return length + name.utf8 + withUnsafeBytes(of: part.littleEndian) { Array($0) }
    }

    @Test("A batch that lies where another lay is not taken for it")
    func reusedMemory() throws {
        let tally = Tally()
        let rows = Rows(tally.model, isComplete: true)
        var builder = EventBatchBuilder(types: EventTypeCatalog(tally.eventTypes), reads: [])
        var batch: EventBatch?
        var (lastAddress, reuses): (UnsafeRawPointer?, Int) = (nil, 0)
        for round in 0..<200 {
            // Of one length, and the one before goes just before this one is made: its memory is taken again.
            let name = "name \(100 + round)"
            builder.append(
                position: Int64(round + 1),
                type: "tally.seen",
                timestamp: 0,
                payload: "{\"name\": \"\(name)\", \"part\": 1}"
            )
            batch = nil
            batch = builder.finish()
            let address = try batch?.borrow(0).payload.text("name").withBytes { $0.baseAddress }
            if address == lastAddress { reuses += 1 }
            lastAddress = address
            rows.beginPass()
            // Every other one is applied without a look ahead, right after one that had it.
            if round % 2 == 0 { rows.lookAhead(at: 0..<1, of: batch!) }
            guard case .applied = rows.apply(batch!.borrow(0), with: tally) else {
                Issue.record("an event is not applied")
                return
            }
            rows.acceptPass()
            #expect(rows.memories[0].isKnown(EncodedKey(bytes: Array(name.utf8))))
        }
        #expect(rows.memories.map(\.recordCount) == [200, 200])
        #expect(reuses > 100, "the memory was not used again, and nothing is proved")
    }
}

extension UInt16 {
    /// Four digits.
    fileprivate var asHexadecimal: String {
        let digits = String(self, radix: 16)
        return String(repeating: "0", count: 4 - digits.count) + digits
    }
}
