import Engine
import Refold
import TestProjections
import Testing

@Suite("Who reads what who emits") struct EmissionGraphTests {
    private struct Node: Projection {
        let name: ProjectionName
        let version = 1
        let eventTypes: [EventType]
        let emittedTypes: [EventType]
        let model = ReadModel()

        init(_ name: ProjectionName, reads: EventType..., emits: EventType...) {
            (self.name, eventTypes, emittedTypes) = (name, reads, emits)
        }

        func apply(_ event: Event, to rows: Rows) {}
    }

    private func loop(_ nodes: Node...) -> [String]? {
        EmissionGraph(nodes).loop?.map { "\($0.projection) \($0.type)" }
    }

    @Test("Chains and diamonds are no loops")
    func none() {
        #expect(
            loop(Node("a", reads: "1", emits: "2"), Node("b", reads: "2", emits: "3"), Node("c", reads: "3")) == nil
        )
        #expect(
            loop(
                Node("d", reads: "2", "3"),
                Node("a", reads: "1", emits: "2", "3"),
                Node("b", reads: "2", emits: "4"),
                Node("c", reads: "3", emits: "4")
            ) == nil
        )
        #expect(EmissionGraph([Echo(), Listener()]).loop == nil)
    }

    @Test("A projection that reads what it emits is one, directly or through others")
    func found() {
        #expect(loop(Node("a", reads: "1", "2", emits: "2")) == ["a 2"])
        #expect(
            loop(
                Node("start", reads: "0", emits: "1"),
                Node("a", reads: "1", "4", emits: "2"),
                Node("b", reads: "2", emits: "5", "3"),
                Node("c", reads: "3", emits: "4")
            ) == ["a 2", "b 3", "c 4"]
        )
    }
}
