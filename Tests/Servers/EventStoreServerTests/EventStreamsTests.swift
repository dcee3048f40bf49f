import EventStore
import Postgres
import Refold
import TestSupport
import Testing

@Suite("Appending to streams")
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
            #expect(!first.wasRepeated)
            let full = NewEvent(
                type: "counted",
                typeVersion: 3,
                payload: "{\"n\": 3, \"text\": \"{,\\\\\\\"é}\"}",
                correlationID: "request 1",
                causationID: "command \"2\"",
                userID: "é",
                metadata: ["by": "hand", "type_version": 1],
                timestamp: Timestamp(microseconds: 5)
            )
            #expect(try await streams.append(to: "a", expecting: .exactly(2), events: [full]).version == 3)
            let several = [full, full].map { event in
                var event = event
                event.id = EventID()
                return event
            }
            #expect(try await streams.append(to: "a", expecting: .exactly(3), events: several).positions == [4, 5])
            let read = try await streams.readStream("a", from: 2).collect()
            #expect(read.map(\.version) == [2, 3, 4, 5])
            #expect(read.map(\.position) == [2, 3, 4, 5])
            #expect(read.dropFirst().map(\.id) == [full.id] + several.map(\.id))
            for event in read.dropFirst() {
                #expect(event.stream == "a")
                #expect(event.type == full.type)
                #expect(event.payload == full.payload)
                #expect(event.timestamp == full.timestamp)
                #expect(event.typeVersion == 3)
                #expect(event.correlationID == full.correlationID)
                #expect(event.causationID == full.causationID)
                #expect(event.userID == full.userID)
                #expect(event.metadataMembers["by"] == "hand")
                #expect(event.metadataMembers["timestamp"] == .text(Timestamp(microseconds: 5).description))
            }
        }
    }

    @Test("An event that says nothing else gets a UUID of version 7, type version 1 and the time of the append")
    func defaults() async throws {
        try await TestStore.with { store in
            let streams = EventStreams(store.connection)
            _ = try await streams.append(to: "a", events: [event(1)])
            let read = try #require(try await streams.readStream("a").collect().first)
            let text = Array(read.id.description)
            #expect(text[14] == "7" && "89ab".contains(text[19]))
            #expect(read.typeVersion == 1)
            #expect(read.metadataMembers.members.map(\.name) == ["type_version", "timestamp"])
            #expect(read.metadataMembers["timestamp"] == .text(read.timestamp.description))
            let age = try await store.connection.query(
                "SELECT abs(extract(epoch FROM clock_timestamp() - \"timestamp\"))::double precision FROM events"
            )
            #expect(try age.double(0, 0) < 30)
        }
    }

    @Test("An append that expects another version is refused with both versions and leaves nothing")
    func expectations() async throws {
        try await TestStore.with { store in
            let streams = EventStreams(store.connection)
            func refusal(_ expected: ExpectedVersion, _ events: [NewEvent]) async -> EventStoreError? {
                await #expect(throws: EventStoreError.self) {
                    try await streams.append(to: "a", expecting: expected, events: events)
                }
            }
            for expected in [ExpectedVersion.streamExists, .exactly(1)] {
                let error = await refusal(expected, [event(1)])
                #expect(error?.code == .wrongExpectedVersion)
                #expect(error?.expected == expected)
                #expect(error?.actual == 0)
            }
            _ = try await streams.append(to: "a", expecting: .exactly(0), events: [event(1)])
            for expected in [ExpectedVersion.noStream, .exactly(0), .exactly(2)] {
                let error = await refusal(expected, [event(1), event(2)])
                #expect(error?.code == .wrongExpectedVersion)
                #expect(error?.expected == (expected == .exactly(0) ? .noStream : expected))
                #expect(error?.actual == 1)
            }
            #expect(try await streams.append(to: "a", expecting: .streamExists, events: [event(2)]).version == 2)
            #expect(try await streams.readStream("a").collect().count == 2)
            #expect(try await store.connection.query("SELECT FROM streams").count == 1)
        }
    }

    @Test("A repeated append in the same place is a success that stores nothing")
    func repetition() async throws {
        try await TestStore.with { store in
            let streams = EventStreams(store.connection)
            let events = [event(1), event(2)]
            for expected in [ExpectedVersion.noStream, .exactly(0), .any, .noStream] {
                let appended = try await streams.append(to: "a", expecting: expected, events: events)
                #expect(appended.version == 2)
                #expect(appended.positions == [1, 2])
            }
            let more = [event(3)]
            for expected in [ExpectedVersion.exactly(2), .streamExists, .any] {
                #expect(try await streams.append(to: "a", expecting: expected, events: more).version == 3)
            }
            let again = try await streams.append(to: "a", expecting: .noStream, events: events)
            #expect(again.wasRepeated)
            #expect(again.version == 2)
            #expect(try await streams.append(to: "a", expecting: .exactly(3), events: [event(4)]).version == 4)
            #expect(try await streams.readStream("a").collect().map(\.version) == [1, 2, 3, 4])
        }
    }

    @Test("An event id that is taken in another place is an error, whatever the rest of the call is")
    func duplicates() async throws {
        try await TestStore.with { store in
            let streams = EventStreams(store.connection)
            let events = [event(1), event(2), event(3)]
            _ = try await streams.append(to: "a", events: events)
            let calls: [(String, ExpectedVersion, [NewEvent])] = [
                ("b", .any, [events[0]]), ("b", .noStream, events), ("a", .any, [events[1], event(4)]),
                ("a", .any, [event(4), events[2]]), ("a", .any, [events[1], events[0]]),
                ("a", .any, [events[0], events[2]]), ("a", .exactly(3), [events[2]]),
            ]
            for (stream, expected, call) in calls {
                let error = await #expect(throws: EventStoreError.self) {
                    try await streams.append(to: stream, expecting: expected, events: call)
                }
                #expect(error?.code == .duplicateEventID, "\(stream) \(expected)")
            }
            let twice = await #expect(throws: EventStoreError.self) {
                try await streams.append(to: "c", events: [events[0], events[0]])
            }
            #expect(twice?.code == .invalidEvent)
            #expect(try await store.connection.query("SELECT FROM events").count == 3)
        }
    }

    @Test("Events that cannot be stored are refused as such", arguments: ["json", "jsonb"])
    func invalid(payload: String) async throws {
        try await TestStore.with { store in
            try await store.connection.executeScript(
                "ALTER TABLE events ALTER event_data TYPE \(payload), ALTER metadata TYPE \(payload)"
            )
            let streams = EventStreams(store.connection)
            let bad = NewEvent(type: "x", payload: "{")
            let cases: [(String, [NewEvent])] = [
                ("", [event(1)]), ("a", []), ("a", [NewEvent(type: "", payload: "{}")]), ("a", [bad]),
                ("a", [event(1), bad]), ("a", [NewEvent(type: "x", payload: "{}\0")]), ("a\0", [event(1)]),
                ("a", [event(1), NewEvent(type: "x", payload: "{}\0")]),
                ("a", [NewEvent(type: "x", typeVersion: 0, payload: "{}")]),
            ]
            for (stream, events) in cases {
                let error = await #expect(throws: EventStoreError.self) {
                    try await streams.append(to: stream, events: events)
                }
                #expect(error?.code == .invalidEvent)
            }
            #expect(try await store.connection.query("SELECT FROM events").isEmpty)
            // What can be stored goes into either type of column.
            _ = try await streams.append(to: "a", events: [event(1)])
            _ = try await streams.append(to: "a", events: [event(2), event(3)])
            #expect(try await streams.readStream("a").collect().map(\.payload) == (1...3).map { "{\"n\": \($0)}" })
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
                        for n in 0..<20 {
                            let events = n.isMultiple(of: 2) ? [event(1)] : [event(1), event(2)]
                            _ = try await EventStreams(connection).append(to: "a", events: events)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let read = try await EventStreams(store.connection).readStream("a").collect()
            #expect(read.map(\.version.rawValue) == Array(1...121))
            #expect(read.map(\.position) == read.map(\.position).sorted())
        }
    }

    @Test("A writer that waits for another one has not drawn a position yet, so it does not hold the mark")
    func waitsWithoutPosition() async throws {
        try await TestStore.with { store in
            let streams = EventStreams(store.connection)
            _ = try await streams.append(to: "a", events: [event(1)])
            let other = try await store.connect()
            try await other.executeScript("BEGIN; UPDATE streams SET version = version WHERE stream_id = 'a'")
            let writer = try await store.connect()
            async let appended = EventStreams(writer).append(to: "a", events: [event(2), event(3)])
            try await wait(for: "the writer to wait for the stream") {
                try await store.connection.query(
                    "SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'",
                    [.int32(writer.backendPID)]
                ).count == 1
            }
            let drawn = try await store.connection.query("SELECT last_value FROM events_global_position_seq")
            #expect(try drawn.int64(0, 0) == 1)
            try await other.executeScript("COMMIT")
            #expect(try await appended.positions == [2, 3])
        }
    }

    @Test("A stream whose events were written without the streams table is continued")
    func adopted() async throws {
        try await TestStore.with { store in
            try await store.connection.executeScript(
                """
                INSERT INTO \(store.events) (event_id, stream_id, stream_version, event_type, event_data)
                SELECT gen_random_uuid(), stream, n, 'counted', '{}'
                FROM generate_series(1, 4) n, unnest(ARRAY['a', 'b', 'c', 'd']) stream
                """
            )
            let streams = EventStreams(store.connection)
            for (stream, expected) in [
                ("a", ExpectedVersion.exactly(4)), ("b", .any), ("c", .streamExists), ("d", .exactly(4)),
            ] {
                let appended = try await streams.append(to: stream, expecting: expected, events: [event(1), event(2)])
                #expect(appended.version == 6)
            }
            let error = await #expect(throws: EventStoreError.self) {
                try await streams.append(to: "a", expecting: .noStream, events: [event(1)])
            }
            #expect(error?.actual == 6)
            // One that was behind, not missing.
            try await store.connection.executeScript("UPDATE streams SET version = 2 WHERE stream_id = 'a'")
            #expect(try await streams.append(to: "a", events: [event(3)]).version == 7)
        }
    }
}
