import AggregateStore
import EventStore
import Postgres
import Refold
import TestSupport
import Testing

@Suite("Decisions that meet another writer's")
struct ConflictTests {
    /// An event of another writer, appended at once.
    private func interfere(_ store: TallyStore) async throws {
        let event = TallyEvent(number: 100)
        let connection = try await store.database.connect()
        _ = try await EventStreams(connection).append(
            to: "tally-a",
            events: [NewEvent(type: event.type.name, payload: event.payload.text)]
        )
        await connection.close()
    }

    @Test("A save after a stale load is refused with both versions, and writes nothing")
    func staleSave() async throws {
        try await TallyStore.with { store in
            let tallies = store.tallies()
            let loaded = try await tallies.load("a")
            try await interfere(store)
            let error = await #expect(throws: EventStoreError.self) {
                try await tallies.save(loaded.aggregate.add(1), after: loaded)
            }
            #expect(error?.code == .wrongExpectedVersion)
            #expect(error?.expected == .noStream)
            #expect(error?.actual == 1)
            #expect(try await tallies.load("a").aggregate.sum == 100)
        }
    }

    @Test("The decision is made again on what the other writer left")
    func decidedAgain() async throws {
        try await TallyStore.with { store in
            let saved = try await store.tallies().execute("a") { tally in
                if tally.sum < 200 { try await interfere(store) }
                return try tally.add(tally.sum + 1)
            }
            #expect(saved.attempts == 3)
            #expect(saved.version == 3)
            #expect(saved.aggregate.sum == 401, "200 of others, and 201 decided on them")
            #expect(try await store.tallies().load("a").aggregate == saved.aggregate)
        }
    }

    @Test("After three attempts the conflict is told, with both versions, and nothing is written")
    func givesUp() async throws {
        try await TallyStore.with { store in
            let decide: @Sendable (Tally) async throws -> [TallyEvent] = { tally in
                try await interfere(store)
                return try tally.add(1)
            }
            let error = await #expect(throws: EventStoreError.self) {
                try await store.tallies().execute("a", DecisionContext(), decide)
            }
            #expect(error?.code == .wrongExpectedVersion)
            #expect(error?.expected == .exactly(2))
            #expect(error?.actual == 3)
            let loaded = try await store.tallies().load("a")
            #expect(loaded.aggregate.sum == 300)
        }
    }

    @Test("How often is a setting", arguments: [1, 5])
    func attempts(attempts: Int) async throws {
        try await TallyStore.with { store in
            let retries = ConflictRetries(attempts: attempts, firstWait: .milliseconds(1))
            let decide: @Sendable (Tally) async throws -> [TallyEvent] = { tally in
                try await interfere(store)
                return try tally.add(1)
            }
            await #expect(throws: EventStoreError.self) {
                try await store.tallies(retries: retries).execute("a", DecisionContext(), decide)
            }
            let loaded = try await store.tallies().load("a")
            #expect(loaded.version.rawValue == Int64(attempts))
        }
    }

    @Test("An error of the domain ends it at once and comes out as it is")
    func domainError() async throws {
        try await TallyStore.with { store in
            try await store.tallies().execute("a") { try $0.add(900) }
            await #expect(throws: Tally.Full(sum: 900)) {
                try await store.tallies().execute("a") { try $0.add(1_000_000) }
            }
            #expect(try await store.tallies().load("a").version == 1)
        }
    }

    @Test("A second decision may find that there is nothing left to do")
    func nothingLeft() async throws {
        try await TallyStore.with { store in
            let saved = try await store.tallies().execute("a") { tally in
                guard tally.sum == 0 else { return [] }
                try await interfere(store)
                return try tally.add(1)
            }
            #expect(saved.attempts == 2)
            #expect(saved.positions.isEmpty)
            #expect(saved.aggregate.sum == 100)
        }
    }
}
