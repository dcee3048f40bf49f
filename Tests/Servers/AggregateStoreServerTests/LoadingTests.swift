import AggregateStore
import Aggregates
import EventStore
import Refold
import Testing

@Suite("Loading and saving aggregates")
struct LoadingTests {
    @Test("An aggregate without events is new, and what was saved is loaded")
    func roundTrip() async throws {
        try await TallyStore.with { store in
            let tallies = store.tallies()
            let new = try await tallies.load("a")
            #expect(new.version == 0)
            #expect(new.aggregate == Tally(id: "a"))
            let saved = try await tallies.save(new.aggregate.add(5, "five"), after: new)
            #expect(saved.version == 1)
            #expect(saved.positions == [1])
            let more = try await tallies.save(
                saved.aggregate.add(2) + saved.aggregate.add(3, "three"),
                after: saved.loaded
            )
            #expect(more.version == 3)
            #expect(more.positions == [2, 3])
            #expect(more.aggregate.sum == 10)
            let loaded = try await store.otherTallies().load("a")
            #expect(loaded.version == 3)
            #expect(loaded.aggregate == more.aggregate, "what save returns is what load gives, times included")
            #expect(loaded.aggregate.notes == ["five", "three"])
            #expect(try await tallies.load("b").version == 0)
        }
    }

    @Test("A save that decided nothing writes nothing")
    func nothing() async throws {
        try await TallyStore.with { store in
            let tallies = store.tallies()
            let saved = try await tallies.save([], after: tallies.load("a"))
            #expect(saved.version == 0)
            #expect(saved.positions.isEmpty)
            #expect(try await store.number("SELECT count(*) FROM events") == 0)
        }
    }

    @Test("Events are stored with what is known about the decision")
    func context() async throws {
        try await TallyStore.with { store in
            let noon = try #require(Timestamp("2026-05-01T12:00:00Z"))
            let context = DecisionContext(correlationID: "c", causationID: "k", userID: "u", time: noon)
            let saved = try await store.tallies().execute("a", context) { try $0.add(1) }
            #expect(saved.aggregate.lastAdded == noon)
            let event = try #require(try await EventStreams(store.connection).readStream("tally-a").collect().first)
            #expect(event.type == "tally.added")
            #expect(event.payload == #"{"number":1,"note":""}"#)
            #expect(event.timestamp == noon)
            #expect(event.correlationID == "c")
            #expect(event.causationID == "k")
            #expect(event.userID == "u")
        }
    }

    @Test("Streams of more events than are read at once are loaded whole", arguments: [499, 500, 501, 2_300])
    func pages(count: Int64) async throws {
        try await TallyStore.with { store in
            let events = (1...count).map { TallyEvent(number: $0 % 7) }
            let tallies = store.tallies(snapshots: .never)
            try await tallies.save(events, after: tallies.load("a"))
            for tallies in [store.tallies(), tallies] {
                let loaded = try await tallies.load("a")
                #expect(loaded.version.rawValue == count)
                #expect(loaded.aggregate.sum == (1...count).reduce(0) { $0 + $1 % 7 })
            }
        }
    }

    @Test("Events of types that the aggregate does not know count, and are passed over")
    func otherTypes() async throws {
        try await TallyStore.with { store in
            let tallies = store.tallies()
            try await tallies.execute("a") { try $0.add(1) }
            _ = try await EventStreams(store.connection).append(
                to: "tally-a",
                events: [NewEvent(type: "tally.painted", payload: "[]")]
            )
            let saved = try await tallies.execute("a") { try $0.add(2) }
            #expect(saved.version == 3)
            #expect(saved.aggregate.sum == 3)
            #expect(try await tallies.load("a").aggregate.sum == 3)
        }
    }

    @Test("An event that cannot be read, or applied, is named")
    func unreadable() async throws {
        try await TallyStore.with { store in
            let streams = EventStreams(store.connection)
            for (stream, payload) in [("a", #"{"number": "5", "note": ""}"#), ("b", #"{"number": 5000, "note": ""}"#)] {
                try await store.tallies().execute(stream) { try $0.add(1) }
                let event = NewEvent(type: "tally.added", payload: payload)
                _ = try await streams.append(to: "tally-\(stream)", events: [event])
                let error = await #expect(throws: AggregateStoreError.self) { try await store.tallies().load(stream) }
                #expect(error?.code == .unreadableEvent)
                #expect(error?.stream == "tally-\(stream)")
                #expect(error?.version == 2)
            }
            let error = await #expect(throws: AggregateStoreError.self) { try await store.tallies().load("a") }
            #expect(error?.message.contains("number") == true)
        }
    }

    @Test("A hole in a stream is noticed")
    func hole() async throws {
        try await TallyStore.with { store in
            let tallies = store.tallies()
            try await tallies.execute("a") { try $0.add(1) + $0.add(2) + $0.add(3) }
            try await store.change("DELETE FROM events WHERE stream_version = 2")
            var error = await #expect(throws: AggregateStoreError.self) { try await tallies.load("a") }
            #expect(error?.code == .missingEvent)
            #expect(error?.version == 2)
            try await store.change("DELETE FROM events WHERE stream_version = 1")
            error = await #expect(throws: AggregateStoreError.self) { try await tallies.load("a") }
            #expect(error?.code == .missingEvent)
            #expect(error?.version == 1)
        }
    }

    @Test("Streams of an adopted store may begin with version 0")
    func adopted() async throws {
        try await TallyStore.with { store in
            try await store.change(
                """
                INSERT INTO events (event_id, stream_id, stream_version, event_type, event_data)
                SELECT gen_random_uuid(), 'tally-a', n, 'tally.added', '{"number": 1, "note": ""}'
                FROM generate_series(0, 4) n
                """
            )
            let tallies = store.tallies(snapshots: .every(2))
            for sum in 6...9 {
                let saved = try await tallies.execute("a") { try $0.add(1) }
                #expect(saved.aggregate.sum == Int64(sum))
                #expect(saved.version.rawValue == Int64(sum) - 1)
            }
            #expect(try await store.snapshotVersion() != nil)
            #expect(try await tallies.load("a").aggregate.sum == 9)
            #expect(try await tallies.load("a", at: .version(0)).aggregate.sum == 0)
        }
    }

    @Test("What could not be read back is not written")
    func unwritable() async throws {
        try await TallyStore.with { store in
            let tallies = store.tallies()
            // No text of PostgreSQL has a NUL, and apply takes no more than 999 at once.
            for event in [TallyEvent(number: 1, note: "\0"), TallyEvent(number: 1_000)] {
                let loaded = try await tallies.load("a")
                let error = await #expect(throws: AggregateStoreError.self) {
                    try await tallies.save([TallyEvent(number: 1), event], after: loaded)
                }
                #expect(error?.code == .unwritableEvent)
                #expect(error?.version == 2)
            }
            #expect(try await store.number("SELECT count(*) FROM events") == 0)
        }
    }

    @Test("Another schema and other table names are used as they are configured")
    func otherNames() async throws {
        let settings = EventStoreSettings(schema: "Wor\"ld", eventsTable: "the events", streamsTable: "the streams")
        try await TallyStore.with(settings) { store in
            let tallies = store.tallies(snapshots: .every(1))
            try await tallies.execute("a") { try $0.add(1) }
            #expect(try await tallies.load("a").aggregate.sum == 1)
            #expect(try await store.snapshotVersion() == 1)
        }
    }
}
