import Engine
import EventStore
import Refold
import Testing

@Suite("The checkpoint of a relay") struct RelayCheckpointTests {
    private let log = LogID(rawValue: 1)
    private let first = ServerRun(startedAt: 1, id: "a", timeline: 1)

    private func begun(_ position: Int64) -> RelayCheckpoint {
        var checkpoint = RelayCheckpoint().beginning(in: first, of: log, newest: 0, partitions: ["t": 2])
        checkpoint.position = .init(position)
        checkpoint.partitions["t"] = [.init(position), .init(position - 3)]
        return checkpoint
    }

    @Test("raises its epoch whenever a relay begins") func epochs() {
        let again = begun(10).beginning(in: first, of: log, newest: 30, partitions: ["t": 2])
        #expect(again.epoch == 2 && again.fork == nil && again.position == 10)
        #expect(again.partitions == ["t": [10, 7]])
    }

    @Test("is no fork at the first begin, nor when a topic is added") func added() {
        #expect(begun(10).fork == nil)
        let more = begun(10).beginning(in: first, of: log, newest: 30, partitions: ["t": 2, "u": 1])
        #expect(more.partitions == ["t": [10, 7], "u": [0]])
    }

    @Test("forks after a crash where nothing that was sent can be lost: at the newest position") func crash() {
        let recovered = ServerRun(startedAt: 1, id: "b", timeline: 1)
        let next = begun(10).beginning(in: recovered, of: log, newest: 30, partitions: ["t": 2])
        #expect(next.fork == 30 && next.position == 10 && next.epoch == 2)
        // Before every partition was told so, the server has recovered once more.
        let again = next.beginning(
            in: ServerRun(startedAt: 1, id: "c", timeline: 1),
            of: log,
            newest: 40,
            partitions: [:]
        )
        #expect(again.fork == 30)
    }

    @Test("forks after a promotion at its own position, which the promoted server has") func promotion() {
        let promoted = ServerRun(startedAt: 9, id: "b", timeline: 2)
        #expect(begun(10).beginning(in: promoted, of: log, newest: 30, partitions: ["t": 2]).fork == 10)
    }

    @Test("goes back with all of its partitions") func goBack() {
        var checkpoint = begun(10)
        checkpoint.goBack(to: 8)
        #expect(checkpoint.position == 8 && checkpoint.partitions == ["t": [8, 7]])
    }
}
