import Engine
import EventStore
import Refold
import RefoldTestKit
import TestProjections
import Testing

/// What events emit, in memory; no server.
@Suite("Emitting") struct EmissionTests {
    private func answer(_ number: Int64, text: JSON = .null, to id: String = "a") -> EmittedEvent {
        EmittedEvent(.answered, to: id, ["id": .text(id), "answer": .integer(number), "text": text])
    }

    @Test("A fold shows what its events have emitted, in order")
    func shown() throws {
        let fold = ProjectionFold(Echo())
        try fold.given(.asked, #"{"id": "a", "count": 2}"#)
        try fold.given(.asked, #"{"id": "b", "text": "x"}"#)
        #expect(fold.emitted == [answer(0), answer(1), answer(0, text: "x", to: "b")])
        #expect(fold.row("echo", "a") == ["count": 1])
    }

    @Test("A refused event emits nothing, and takes nothing away from others")
    func refused() throws {
        let fold = ProjectionFold(Echo())
        try fold.given(.asked, #"{"id": "a"}"#)
        #expect(throws: EventRefusal.self) { try fold.given(.asked, #"{"id": "a", "count": 3, "refuse": true}"#) }
        #expect(fold.emitted == [answer(0)])
        #expect(fold.row("echo", "a") == ["count": 1])
    }

    @Test("A type that is not declared refuses the event, and so does any of a projection that declares none")
    func undeclared() throws {
        let fold = ProjectionFold(Echo())
        let error = #expect(throws: EventRefusal.self) {
            try fold.given(.asked, #"{"id": "a", "type": "another.type"}"#)
        }
        #expect(error?.reason == "another.type was emitted, and emittedTypes does not have it")
        let silent = EveryType([1: { _, rows in try rows.emit(.answered, to: "a", [:]) }])
        #expect(!EveryRow(silent.model).apply(silent, at: 1))
    }

    @Test(
        "Beyond a limit the event is refused",
        arguments: [
            (#"{"id": "a", "count": 16}"#, nil),
            (#"{"id": "a", "count": 17}"#, "it emits more than 16 events"),
            (#"{"id": ""}"#, nil),
            (
                #"{"id": "\#(String(repeating: "x", count: 2001))"}"#,
                "the name of an emitted event's stream has 2001 bytes, more than 2000"
            ),
            (
                #"{"id": "a", "text": "\#(String(repeating: "x", count: 1 << 20))"}"#,
                "the payloads it emits have more than 1048576 bytes"
            ),
            (
                #"{"id": "a", "count": 2, "text": "\#(String(repeating: "x", count: 1 << 19))"}"#,
                "the payloads it emits have more than 1048576 bytes"
            ),
        ] as [(String, String?)]
    )
    func limits(payload: String, refusal: String?) throws {
        let fold = ProjectionFold(Echo())
        do {
            try fold.given(.asked, payload)
            #expect(refusal == nil)
        } catch let error as EventRefusal {
            #expect(error.reason == refusal)
            #expect(fold.emitted.isEmpty)
        }
    }

    @Test("What PostgreSQL could not store refuses the event")
    func unstorable() {
        func reason(to stream: String = "a", _ payload: JSON.Object) -> String? {
            let echo = Emits { try $0.emit(.answered, to: Text(stream), payload) }
            do {
                try ProjectionFold(echo).given(.asked, "{}")
                return nil
            } catch {
                return (error as? EventRefusal)?.reason
            }
        }
        let nul = "a text in an emitted payload has a NUL"
        #expect(reason(["text": .text("a\0b")]) == nul)
        #expect(reason(["a\0b": 1]) == nul)
        #expect(reason(["list": [["deep": .text("\0")]]]) == nul)
        #expect(reason(to: "a\0b", [:]) == "the name of an emitted event's stream has a NUL")
        #expect(reason(["raw": .raw("1")]) == "an emitted payload holds raw JSON")
        var deep: JSON = 1
        for _ in 0..<63 { deep = [deep] }
        #expect(reason(["deep": deep]) == nil)
        #expect(reason(["deep": [deep]]) == "an emitted payload has more than 64 levels")
        #expect(reason(["text": "\u{1}\u{7F}\"\\\u{FFFF}🎬", "number": .number(.infinity)]) == nil)
    }

    @Test("A pass that misses rows emits nothing; the one that finds them emits everything once")
    func missed() throws {
        let echo = Echo()
        let scope = EmissionScope(echo.emittedTypes, after: .zero)
        let rows = Rows(echo.model, isComplete: false, emits: scope)
        let asked = try #require(batch(of: ["a", "b", "a"]))
        let folder = BatchFolder(echo, policy: .stop, bisection: FaultBisection())
        guard case .missing = folder.fold(asked, 0..<3, into: rows) else {
            Issue.record("no row is in memory")
            return
        }
        #expect(rows.takeEmissions().isEmpty)
        for memory in rows.memories { memory.markComplete() }
        guard case .folded = folder.fold(asked, 0..<3, into: rows) else {
            Issue.record("every row is in memory")
            return
        }
        let emitted = rows.takeEmissions()
        #expect(emitted.map(\.position) == [1, 2, 3])
        #expect(emitted.map(\.stream) == ["a", "b", "a"])
        #expect(rows.takeEmissions().isEmpty && rows.emittedBytes == 0)
    }

    @Test("Nothing is kept of events that have emitted before, and the same events are refused")
    func kept() throws {
        let echo = Echo()
        for (after, expected) in [(GlobalPosition?.none, []), (1, [2, 3]), (3, [])] as [(GlobalPosition?, [Int64])] {
            let rows = Rows(echo.model, isComplete: true, emits: EmissionScope(echo.emittedTypes, after: after))
            let folder = BatchFolder(echo, policy: .skip, bisection: FaultBisection())
            let asked = try #require(batch(of: ["a", "b", "a", String(repeating: "x", count: 2001)]))
            guard case .folded(let pass) = folder.fold(asked, 0..<4, into: rows) else {
                Issue.record("every row is in memory")
                return
            }
            #expect(rows.takeEmissions().map(\.position.rawValue) == expected)
            #expect(pass.deadLetters.map(\.position) == [4])
        }
    }

    private func batch(of ids: [String]) -> EventBatch? {
        var builder = EventBatchBuilder(types: EventTypeCatalog([.asked]))
        for (place, id) in ids.enumerated() {
            Array("echo.asked".utf8).withUnsafeBytes { type in
                Array(#"{"id": "\#(id)"}"#.utf8).withUnsafeBytes { payload in
                    _ = builder.append(position: Int64(place + 1), type: type, timestamp: 0, payload: payload)
                }
            }
        }
        return builder.finish()
    }
}

/// Emits what a test says.
private struct Emits: Projection {
    let name: ProjectionName = "emits"
    let version = 1
    let eventTypes: [EventType] = [.asked]
    let emittedTypes: [EventType] = [.answered]
    let model = ReadModel()
    let body: @Sendable (Rows) throws -> Void

    init(_ body: @escaping @Sendable (Rows) throws -> Void) { self.body = body }

    func apply(_ event: Event, to rows: Rows) throws { try body(rows) }
}
