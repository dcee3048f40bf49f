import Refold
import Testing

@Suite("Names and numbers with a meaning")
struct ValueTests {
    @Test("A batch size is from 1 to 10,000, and 100 by default")
    func batchSizes() throws {
        #expect(BatchSize.default.count == 100)
        #expect(try BatchSize(1).count == 1)
        #expect(try BatchSize(10_000).count == 10_000)
        for count in [0, -1, 10_001, .max] {
            let error = #expect(throws: InvalidValue.self) { try BatchSize(count) }
            #expect(error?.description == "'\(count)' is not a batch size: expected a number of events from 1 to 10000")
        }
        #expect(try BatchSize(7) < .default)
    }

    @Test("A projection's name is lower-case letters, digits and underscores")
    func projectionNames() throws {
        for name in ["a", "user_profiles", "trending2", String(repeating: "x", count: 40)] {
            #expect(try ProjectionName(name).rawValue == name)
        }
        for name in ["", "_a", "2a", "User", "a-b", "a b", "a.b", "é", "a\"b", String(repeating: "x", count: 41)] {
            #expect(throws: InvalidValue.self) { try ProjectionName(name) }
        }
        #expect(("a" as ProjectionName) < "b")
    }

    @Test("Positions are ordered numbers")
    func positions() {
        #expect(GlobalPosition.zero < 1)
        #expect(GlobalPosition(7).description == "7")
        #expect(StreamPosition(1) < 2)
        #expect(StreamPosition(3).description == "3")
    }

    @Test("An event type is its name")
    func eventTypes() {
        let watched: EventType = "content.watched"
        #expect(watched == EventType("content." + "watched"))
        #expect(watched != "content.rated")
        #expect(watched.name == "content.watched")
        #expect("\(watched)" == "content.watched")
        #expect(Set([watched, "content.watched", "content.rated"]).count == 2)
    }

    @Test("Event types are made from many tasks at once")
    func eventTypesConcurrently() async {
        let all = await withTaskGroup(of: [EventType].self) { group in
            for _ in 0..<8 {
                group.addTask { (0..<200).map { EventType("concurrent.type_\($0)") } }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(all.allSatisfy { $0 == all[0] })
        #expect(Set(all[0]).count == 200)
        #expect(all[0][199].name == "concurrent.type_199")
    }

    @Test("A catalogue finds the declared types and no others")
    func catalogue() {
        let types = (0..<300).map { EventType("catalogue.type_\($0)") }
        let catalogue = EventTypeCatalog(types + types)
        #expect(catalogue.types.count == 300)
        for type in types {
            #expect(Array(type.name.utf8).withUnsafeBytes { catalogue[name: $0] } == type)
        }
        for name in ["catalogue.type_300", "catalogue.type_", "catalogue.type_10 ", "x"] {
            #expect(Array(name.utf8).withUnsafeBytes { catalogue[name: $0] } == nil)
        }
        #expect(Array("x".utf8).withUnsafeBytes { EventTypeCatalog([])[name: $0] } == nil)
    }

    @Test("A refusal reads as one clause, with the field before it")
    func refusals() {
        #expect(EventRefusal("the plan is unknown").description == "the plan is unknown")
        #expect(EventRefusal("the plan is unknown").code == .rejected)
        #expect(EventRefusal(.overflow, field: "total", "too large").description == "total: too large")
        #expect(EventRefusal.Code.wrongType.description == "wrong_type")
    }
}
