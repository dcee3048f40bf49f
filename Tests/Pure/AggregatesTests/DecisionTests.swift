import Aggregates
import Refold
import Testing

/// A counter that goes up to 3 and cannot be folded beyond 5.
private struct Counter: Aggregate {
    static let category = "counter"
    static let schemaVersion = 1
    let id: String
    private(set) var count = 0

    init(id: String) { self.id = id }

    struct TooHigh: Error {}

    func raise(by step: Int) throws(TooHigh) -> [Raised] {
        guard count < 3 else { throw TooHigh() }
        return [Raised(step: step)]
    }

    mutating func apply(_ event: Raised) throws(EventRefusal) {
        guard count + event.step <= 5 else { throw EventRefusal(.overflow, "beyond 5") }
        count += event.step
    }
}

private struct Raised: AggregateEvent, Hashable {
    static let types: [EventType] = ["counter.raised"]
    let step: Int

    init(step: Int) { self.step = step }

    init(_ event: Event) throws(EventRefusal) { step = Int(try event.payload.integer("step")) }

    var type: EventType { "counter.raised" }
    var payload: JSON { ["step": .integer(Int64(step))] }
}

@Suite("Aggregates")
struct DecisionTests {
    @Test("A stream's id is the category, a hyphen and the aggregate's id, whatever that is")
    func streams() {
        #expect(Counter.stream(of: "a") == "counter-a")
        #expect(Counter.id(of: "counter-a") == "a")
        #expect(Counter.id(of: "counter-a-b") == "a-b")
        #expect(Counter.id(of: "counter-") == "")
        #expect(Counter.id(of: "counters-a") == nil)
        #expect(Counter.id(of: "counter") == nil)
    }

    @Test("An aggregate is made of its events in their order")
    func fold() throws {
        #expect(try Counter(id: "a", after: [Raised(step: 2), Raised(step: 3)]).count == 5)
        #expect(throws: EventRefusal.self) { try Counter(id: "a", after: [Raised(step: 6)]) }
    }

    @Test("Several decisions see what the ones before them have led to, and their events come together")
    func several() throws {
        var decision = Decision(Counter(id: "a"))
        try decision.make { try $0.raise(by: 1) }
        try decision.make { try $0.raise(by: 2) }
        #expect(decision.aggregate.count == 3)
        #expect(throws: Counter.TooHigh.self) { try decision.make { try $0.raise(by: 1) } }
        #expect(decision.events == [Raised(step: 1), Raised(step: 2)])
    }

    @Test("A decision whose events cannot be applied leaves everything as it was")
    func unappliable() throws {
        var decision = Decision(Counter(id: "a"))
        try decision.make { try $0.raise(by: 2) }
        #expect(throws: EventRefusal.self) {
            try decision.make { _ in [Raised(step: 1), Raised(step: 3)] }
        }
        #expect(decision.aggregate.count == 2)
        #expect(decision.events == [Raised(step: 2)])
    }
}
