import Refold
import Testing

@Suite("Batches of events")
struct EventBatchTests {
    private let watched: EventType = "content.watched"
    private let rated: EventType = "content.rated"

    @Test("A batch gives back what was appended, in order")
    func order() throws {
        var builder = EventBatchBuilder(types: EventTypeCatalog([watched, rated]))
        for position in 0..<100 as Range<Int64> {
            let type = position % 2 == 0 ? watched : rated
            builder.append(
                position: position * 3 + 1,
                type: type.name,
                timestamp: position * 1_000_000,
                payload: #"{"n":\#(position),"t":"text \#(position)"}"#
            )
        }
        #expect(builder.count == 100)
        #expect(builder.byteCount > 2_000)
        let batch = builder.finish()
        #expect(builder.count == 0)
        #expect(builder.byteCount == 0)
        #expect(batch.count == 100)
        #expect(batch.firstPosition == 1)
        #expect(batch.lastPosition == 298)
        for (index, event) in batch.enumerated() {
            #expect(event.position == GlobalPosition(Int64(index) * 3 + 1))
            #expect(event.type == (index % 2 == 0 ? watched : rated))
            #expect(try event.timestamp == Timestamp(microseconds: Int64(index) * 1_000_000))
            #expect(try event.payload.integer("n") == Int64(index))
            #expect(String(try event.payload.text("t")) == "text \(index)")
            #expect(event.metadata == nil)
            #expect(event.streamID == nil)
        }
    }

    @Test("A builder makes one batch after another, and each stands by itself")
    func severalBatches() throws {
        var builder = EventBatchBuilder(types: EventTypeCatalog([watched]))
        var texts: [Text] = []
        for round in 0..<5 {
            for position in 0..<(round * 37) {
                builder.append(
                    position: Int64(position),
                    type: watched.name,
                    timestamp: 0,
                    payload: #"{"t":"round \#(round) event \#(position)\#(round == 3 ? #"\n"# : "")"}"#
                )
            }
            let batch = builder.finish()
            #expect(batch.count == round * 37)
            texts += try batch.map { try $0.payload.text("t") }
        }
        // The batches are gone; their texts hold on to the memory.
        #expect(texts.count == 370)
        #expect(texts.first == "round 1 event 0")
        #expect(texts[120] == "round 3 event 9\n")
        #expect(texts.last == "round 4 event 147")
        #expect(texts.last?.owned() == texts.last)
    }

    @Test("An event of a type that nobody declared keeps its place and name, not its payload")
    func undeclared() throws {
        var builder = EventBatchBuilder(types: EventTypeCatalog([watched]), reads: [.metadata, .streamID])
        builder.append(
            position: 5,
            type: "billing.charged",
            timestamp: 7,
            payload: "not even JSON",
            metadata: "{}",
            streamID: "billing-1"
        )
        builder.append(position: 6, type: "content.watche", timestamp: 8, payload: "{}")
        builder.append(position: 7, type: "", timestamp: 8, payload: "{}")
        #expect(builder.byteCount == 15 + 9 + 14)
        let batch = builder.finish()
        #expect(batch[0].type == nil)
        #expect(batch[0].typeName == "billing.charged")
        #expect(batch[0].streamID == "billing-1")
        #expect(batch[0].position == 5)
        #expect(throws: EventRefusal.self) { try batch[0].payload.optionalText("a") }
        #expect(batch[1].type == nil)
        #expect(batch[1].typeName == "content.watche")
        #expect(batch[2].typeName.isEmpty)
    }

    @Test("A declared event knows its name")
    func typeName() {
        #expect(Event(type: watched, payload: "{}").typeName == "content.watched")
    }

    @Test("Metadata and stream are kept only when they are asked for")
    func columns() throws {
        var builders = [EventColumns(), [.metadata], [.streamID], [.metadata, .streamID]].map { reads in
            var builder = EventBatchBuilder(types: EventTypeCatalog([watched]), reads: reads)
            for position in 1...2 as ClosedRange<Int64> {
                builder.append(
                    position: position,
                    type: watched.name,
                    timestamp: 0,
                    payload: #"{"a":"payload \#(position)"}"#,
                    metadata: position == 1 ? #"{"a":"metadata"}"# : nil,
                    streamID: "user-\(position)"
                )
            }
            return (reads, builder.finish())
        }
        builders.sort { $0.0.rawValue < $1.0.rawValue }
        for (reads, batch) in builders {
            #expect(try batch[0].payload.text("a") == "payload 1")
            #expect(try batch[1].payload.text("a") == "payload 2")
            #expect(try batch[0].metadata?.text("a") == (reads.contains(.metadata) ? "metadata" : nil))
            #expect(batch[1].metadata == nil)
            #expect(batch[1].streamID == (reads.contains(.streamID) ? "user-2" : nil))
        }
    }

    @Test("Infinite and missing timestamps are refused where they are read")
    func timestamps() throws {
        var builder = EventBatchBuilder(types: EventTypeCatalog([watched]))
        for timestamp in [.max, .min, nil, .max - 1] as [Int64?] {
            builder.append(position: 1, type: watched.name, timestamp: timestamp, payload: "{}")
        }
        let batch = builder.finish()
        for (event, code) in zip(batch, [EventRefusal.Code.outOfRange, .outOfRange, .missing]) {
            let refusal = #expect(throws: EventRefusal.self) { try event.timestamp }
            #expect(refusal?.code == code)
            #expect(refusal?.field == "timestamp")
            #expect(event.finiteTimestamp == nil)
        }
        #expect(try batch[3].timestamp.rawValue == .max - 1)
        #expect(batch[3].finiteTimestamp == Timestamp(microseconds: .max - 1))
    }

    @Test("A payload that is NULL refuses")
    func nullPayload() {
        var builder = EventBatchBuilder(types: EventTypeCatalog([watched]))
        builder.append(position: 1, type: watched.name, timestamp: 0, payload: nil)
        let event = builder.finish()[0]
        #expect(event.type == watched)
        #expect(throws: EventRefusal.self) { try event.payload.optionalText("a") }
    }

    @Test("Batches larger than one run of the indexer, and single payloads larger than that, are whole")
    func large() throws {
        var builder = EventBatchBuilder(types: EventTypeCatalog([watched]))
        for position in 0..<10_000 as Range<Int64> {
            // Now and then one beyond the run's size, and one that simdjson would not take.
            let filler = String(repeating: "x", count: position % 3_000 == 7 ? 400_000 : 150)
            let payload =
                #"{"filler":"\#(filler)","n":\#(position)\#(position % 997 == 0 ? ",\"bad\":\"x\u{1}\"" : "")}"#
            builder.append(position: position, type: watched.name, timestamp: 0, payload: payload)
        }
        let batch = builder.finish()
        #expect(batch.count == 10_000)
        for (index, event) in batch.enumerated() {
            #expect(try event.payload.integer("n") == Int64(index))
            #expect(try event.payload.text("filler").count == (index % 3_000 == 7 ? 400_000 : 150))
        }
        #expect(throws: EventRefusal.self) { try batch[997].payload.text("bad") }
    }

    @Test("An event made by hand is an event like any other")
    func byHand() throws {
        let event = Event(
            position: 42,
            type: watched,
            timestamp: Timestamp(microseconds: 1),
            payload: #"{"a":1}"#,
            metadata: #"{"trace":"t"}"#,
            streamID: "user-1"
        )
        #expect(event.position == 42)
        #expect(event.type == watched)
        #expect(try event.timestamp.rawValue == 1)
        #expect(try event.payload.integer("a") == 1)
        #expect(try event.metadata?.text("trace") == "t")
        #expect(event.streamID == "user-1")
        #expect(Event(type: watched, payload: "{}").metadata == nil)
        #expect(Event(type: watched, payload: "{}").streamID == nil)
    }

    @Test("Events, payloads and texts cross tasks")
    func tasks() async throws {
        let payloads = (0..<8).map { Event(type: watched, payload: #"{"n":\#($0),"t":"x"}"#).payload }
        let sum = try await withThrowingTaskGroup(of: Int64.self) { group in
            for payload in payloads {
                group.addTask { try payload.integer("n") + Int64(payload.text("t").count) }
            }
            return try await group.reduce(0, +)
        }
        #expect(sum == 28 + 8)
    }
}
