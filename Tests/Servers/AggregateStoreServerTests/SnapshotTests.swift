import AggregateStore
import Aggregates
import EventStore
import Postgres
import Refold
import TestSupport
import Testing

@Suite("Snapshots")
struct SnapshotTests {
    /// Saves events one by one.
    private func add(_ count: Int, to tallies: Repository<Tally>) async throws {
        for _ in 0..<count { try await tallies.execute("a") { try $0.add(1, "n\($0.sum)") } }
    }

    /// Removes the events up to a version: only a snapshot can stand for them.
    private func forget(through version: Int, _ store: TallyStore) async throws {
        try await store.change("DELETE FROM events WHERE stream_version <= \(version)")
    }

    @Test("One is taken whenever so many events came since the last one")
    func policy() async throws {
        try await TallyStore.with { store in
            let tallies = store.tallies(snapshots: .every(3))
            var versions: [Int64?] = []
            for _ in 1...7 {
                try await add(1, to: tallies)
                versions.append(try await store.snapshotVersion())
            }
            #expect(versions == [nil, nil, 3, 3, 3, 6, 6])
            try await tallies.execute("a") { tally in Array(repeating: try tally.add(1), count: 5).flatMap { $0 } }
            #expect(try await store.snapshotVersion() == 12)
            let loaded = try await tallies.load("a")
            #expect(loaded.version == 12)
            #expect(loaded.aggregate.sum == 12)
        }
    }

    @Test("By default one is taken every 100 events")
    func defaultPolicy() async throws {
        try await TallyStore.with { store in
            let tallies = store.tallies()
            try await tallies.save((1...99).map { TallyEvent(number: $0) }, after: tallies.load("a"))
            #expect(try await store.snapshotVersion() == nil)
            try await add(1, to: tallies)
            #expect(try await store.snapshotVersion() == 100)
        }
    }

    @Test("Loading reads the snapshot and the events after it, and gives the same")
    func used() async throws {
        try await TallyStore.with { store in
            try await add(7, to: store.tallies(snapshots: .every(5)))
            let folded = try await store.tallies(snapshots: .never).load("a")
            try await forget(through: 4, store)
            let loaded = try await store.tallies().load("a")
            #expect(loaded.aggregate == folded.aggregate)
            #expect(loaded.version == 7)
            #expect(loaded.aggregate.notes == (0..<7).map { "n\($0)" })
            try await add(1, to: store.tallies())
            #expect(try await store.tallies().load("a").aggregate.sum == 8)
        }
    }

    @Test("One at the newest event, and one with more events after it than are read at once")
    func edges() async throws {
        try await TallyStore.with { store in
            let tallies = store.tallies(snapshots: .never)
            try await add(3, to: tallies)
            try await tallies.takeSnapshot(of: tallies.load("a"))
            try await forget(through: 2, store)
            #expect(try await store.tallies().load("a").aggregate.sum == 3)
            let loaded = try await store.tallies().load("a")
            try await tallies.save((1...1_500).map { _ in TallyEvent(number: 2) }, after: loaded)
            let grown = try await store.tallies().load("a")
            #expect(grown.version == 1_503)
            #expect(grown.aggregate.sum == 3_003)
        }
    }

    @Test("One of another schema version is ignored, and replaced")
    func schemaVersion() async throws {
        try await TallyStore.with { store in
            try await add(3, to: store.tallies(snapshots: .every(3)))
            let new = Repository<NewTally>(store.connection, snapshots: .every(3))
            let loaded = try await new.load("a")
            #expect(loaded.aggregate.total == 3)
            #expect(loaded.version == 3)
            try await new.execute("a") { _ in [TallyEvent(number: 4)] }
            #expect(try await store.snapshotVersion() == 4)
            #expect(try await new.load("a").aggregate.total == 7)
            let tallies = store.tallies()
            #expect(try await tallies.load("a").aggregate.sum == 7, "the old program goes on")
            try await forget(through: 3, store)
            #expect(try await new.load("a").aggregate.total == 7)
            await #expect(throws: AggregateStoreError.self) { try await tallies.load("a") }
        }
    }

    /// Ways in which a snapshot can be wrong, after ten events and a snapshot at 8.
    private static let wrongs = [
        "DELETE FROM refold.snapshots",
        #"UPDATE refold.snapshots SET state = '{"id": "a", "sum": 77, "notes": []}'"#,
        "UPDATE refold.snapshots SET state = '7'",
        "UPDATE refold.snapshots SET version = 5",
        "UPDATE refold.snapshots SET version = 80",
        "UPDATE refold.snapshots SET schema_version = 2",
        "UPDATE refold.snapshots SET stream_id = 'tally-b'",
        "UPDATE refold.snapshots SET event_id = gen_random_uuid()",
        "UPDATE refold.snapshots SET log = 'elsewhere'",
        "UPDATE refold.snapshots SET digest = ''",
        // The log was restored, and other events took the place of those.
        "UPDATE events SET event_id = gen_random_uuid() WHERE stream_version = 8",
    ]

    @Test("Whatever becomes of it, what is loaded is what the events make", arguments: wrongs)
    func wrong(change: String) async throws {
        try await TallyStore.with { store in
            let tallies = store.tallies(snapshots: .every(8))
            try await add(10, to: tallies)
            let expected = try await tallies.load("a")
            #expect(try await store.snapshotVersion() == 8)
            try await store.change(change)
            for id in ["a", "b"] {
                let loaded = try await tallies.load(id)
                #expect(loaded.version == (id == "a" ? 10 : 0))
                #expect(loaded.aggregate == (id == "a" ? expected.aggregate : Tally(id: "b")))
            }
            // The next save takes another one.
            try await add(1, to: tallies)
            try await forget(through: 10, store)
            #expect(try await tallies.load("a").aggregate.sum == 11)
        }
    }

    @Test("One that is ahead of the stream is not used")
    func ahead() async throws {
        try await TallyStore.with { store in
            let tallies = store.tallies(snapshots: .every(8))
            try await add(8, to: tallies)
            try await store.change(
                """
                DELETE FROM events WHERE stream_version > 5;
                UPDATE streams SET version = 5
                """
            )
            #expect(try await tallies.load("a").version == 5)
            #expect(try await tallies.load("a").aggregate.sum == 5)
            for sum in 6...9 {
                try await add(1, to: tallies)
                #expect(try await tallies.load("a").aggregate.sum == Int64(sum))
            }
        }
    }

    @Test("A stream that has no such version gets none")
    func notAhead() async throws {
        try await TallyStore.with { store in
            let tallies = store.tallies(snapshots: .never)
            try await add(2, to: tallies)
            let loaded = try await tallies.load("a")
            try await store.change("DELETE FROM events WHERE stream_version = 2")
            try await tallies.takeSnapshot(of: loaded)
            #expect(try await store.snapshotVersion() == nil)
        }
    }

    @Test("A save stands when its snapshot cannot be written")
    func unwritable() async throws {
        try await TallyStore.with { store in
            let tallies = store.tallies(snapshots: .every(1))
            let loaded = try await tallies.load("a")
            try await store.change("ALTER TABLE refold.snapshots RENAME TO gone")
            #expect(try await tallies.save(loaded.aggregate.add(1), after: loaded).version == 1)
            try await store.change("ALTER TABLE refold.gone RENAME TO snapshots")
            #expect(try await tallies.load("a").aggregate.sum == 1)
        }
    }

    @Test("Without snapshots the table is not even looked at")
    func never() async throws {
        try await TallyStore.with { store in
            try await store.change("DROP TABLE refold.snapshots")
            let tallies = store.tallies(snapshots: .never)
            try await add(3, to: tallies)
            #expect(try await tallies.load("a").aggregate.sum == 3)
        }
    }

    @Test("One of another event store with the same stream is not used")
    func otherStore() async throws {
        try await TallyStore.with { store in
            try await add(3, to: store.tallies(snapshots: .every(1)))
            let settings = EventStoreSettings(schema: "other")
            try await EventStoreSchema.migrate(on: store.connection, settings)
            let others = Repository<Tally>(store.connection, settings, snapshots: .every(1))
            #expect(try await others.load("a").version == 0)
            try await others.execute("a") { try $0.add(50) }
            #expect(try await store.number("SELECT count(*) FROM refold.snapshots") == 2)
            #expect(try await store.tallies().load("a").aggregate.sum == 3)
        }
    }

    @Test("While others save and replace snapshots, every load gives a state that the stream had")
    func replacedMeanwhile() async throws {
        try await TallyStore.with { store in
            let writer = Repository<Tally>(try await store.database.connect(), snapshots: .every(1))
            let tallies = store.tallies()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await add(300, to: writer) }
                var loads = 0
                var version: StreamPosition = 0
                while version < 300 {
                    let loaded = try await tallies.load("a")
                    #expect(loaded.aggregate.sum == loaded.version.rawValue)
                    #expect(loaded.aggregate.notes == (0..<loaded.version.rawValue).map { "n\($0)" })
                    #expect(loaded.version >= version)
                    version = loaded.version
                    loads += 1
                }
                try await group.waitForAll()
                #expect(loads > 10)
            }
        }
    }
}
