import EventStore
import Postgres
import Refold
import TestSupport
import Testing

@Suite("Appending and reading streams")
struct EventStreamsTests {
    private func event(_ n: Int) -> NewEvent {
        NewEvent(type: "counted", payload: "{\"n\": \(n)}")
    }

    @Test("Appended events are read back in order, with everything that was given")
    func roundTrip() async throws {
        try await TestStore.with { store in
            let streams = EventStreams(store.connection)
            let first = try await streams.append(to: "a", expecting: .noStream, events: [event(1), event(2)])
            #expect(first.version == 2)
            #expect(first.positions == [1, 2])
            let full = NewEvent(
                id: "00000000-0000-0000-0000-000000000007",
                type: "counted",
                payload: "{\"n\": 3}",
                metadata: "{\"by\": \"é\"}",
                timestamp: Timestamp(microseconds: 5)
            )
            #expect(try await streams.append(to: "a", expecting: .exactly(2), events: [full]).version == 3)
            let read = try await streams.read("a", from: 2)
            #expect(read.map(\.version) == [2, 3])
            #expect(read.last?.id == full.id)
            #expect(read.last?.payload == full.payload)
            #expect(read.last?.metadata == full.metadata)
            #expect(read.last?.timestamp == full.timestamp)
            #expect(try await streams.read("a", limit: 1).count == 1)
            #expect(try await streams.read("b").isEmpty)
        }
    }

    @Test("An append to a stream that stands elsewhere is refused and leaves nothing")
    func expectations() async throws {
        try await TestStore.with { store in
            let streams = EventStreams(store.connection)
            for expected in [ExpectedVersion.streamExists, .exactly(1)] {
                let error = await #expect(throws: EventStoreError.self) {
                    try await streams.append(to: "a", expecting: expected, events: [event(1)])
                }
                #expect(error?.code == .wrongExpectedVersion)
            }
            _ = try await streams.append(to: "a", events: [event(1)])
            for expected in [ExpectedVersion.noStream, .exactly(0), .exactly(2)] {
                let error = await #expect(throws: EventStoreError.self) {
                    try await streams.append(to: "a", expecting: expected, events: [event(1)])
                }
                #expect(error?.code == .wrongExpectedVersion)
            }
            #expect(try await streams.append(to: "a", expecting: .streamExists, events: [event(2)]).version == 2)
            #expect(try await streams.read("a").count == 2)
            #expect(try await store.connection.query("SELECT FROM streams").count == 1)
        }
    }

    @Test("Events that cannot be stored are refused as such")
    func invalid() async throws {
        try await TestStore.with { store in
            let streams = EventStreams(store.connection)
            let cases: [(String, [NewEvent])] = [
                ("", [event(1)]), ("a", []), ("a", [NewEvent(type: "", payload: "{}")]),
                ("a", [NewEvent(type: "x", payload: "{")]), ("a", [NewEvent(id: "no uuid", type: "x", payload: "{}")]),
            ]
            for (stream, events) in cases {
                let error = await #expect(throws: EventStoreError.self) {
                    try await streams.append(to: stream, events: events)
                }
                #expect(error?.code == .invalidEvent)
            }
            let read = try await streams.read("a")
            #expect(read.isEmpty)
        }
    }

    @Test("Of writers that expect the same version one wins, and appends without expectation all get in")
    func concurrent() async throws {
        try await TestStore.with { store in
            let connections = try await [store.connect(), store.connect(), store.connect(), store.connect()]
            let won = await withTaskGroup(of: Bool.self) { group in
                for connection in connections {
                    group.addTask {
                        let appended = try? await EventStreams(connection).append(
                            to: "a",
                            expecting: .noStream,
                            events: [event(1)]
                        )
                        return appended != nil
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(won == 1)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for connection in connections {
                    group.addTask {
                        for _ in 0..<20 { _ = try await EventStreams(connection).append(to: "a", events: [event(1)]) }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await EventStreams(store.connection).read("a").map(\.version.rawValue) == Array(1...81))
        }
    }

    @Test("A stream whose events were written without the streams table is continued")
    func adopted() async throws {
        try await TestStore.with { store in
            try await store.connection.executeScript(
                """
                INSERT INTO \(store.events) (event_id, stream_id, stream_version, event_type, event_data)
                SELECT gen_random_uuid(), 'old', n, 'counted', '{}' FROM generate_series(1, 4) n
                """
            )
            let streams = EventStreams(store.connection)
            #expect(try await streams.append(to: "old", expecting: .exactly(4), events: [event(1)]).version == 5)
        }
    }
}
