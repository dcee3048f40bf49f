import AggregateStore
import Refold
import Testing

@Suite("The past of an aggregate")
struct PastTests {
    private func time(_ text: String) throws -> Timestamp {
        try #require(Timestamp("2026-05-01T\(text)Z"))
    }

    /// Five events, the third by a clock that was an hour ahead.
    private func fill(_ store: TallyStore, snapshots: SnapshotPolicy) async throws -> Repository<Tally> {
        let tallies = store.tallies(snapshots: snapshots)
        for hour in ["10:00:00", "11:00:00", "13:00:00", "12:00:00", "14:00:00"] {
            let context = DecisionContext(time: try time(hour))
            try await tallies.execute("a", context) { try $0.add(1, hour) }
        }
        return tallies
    }

    @Test("It is what the first events make, with and without snapshots", arguments: [SnapshotPolicy.never, .every(2)])
    func versions(snapshots: SnapshotPolicy) async throws {
        try await TallyStore.with { store in
            let tallies = try await fill(store, snapshots: snapshots)
            for version in 0...5 {
                let loaded = try await tallies.load("a", at: .version(StreamPosition(Int64(version))))
                #expect(loaded.version.rawValue == Int64(version))
                #expect(loaded.aggregate.sum == Int64(version))
                #expect(loaded.aggregate.notes.count == version)
            }
        }
    }

    @Test("A version that never was is refused, naming the newest", arguments: [SnapshotPolicy.never, .every(2)])
    func noSuchVersion(snapshots: SnapshotPolicy) async throws {
        try await TallyStore.with { store in
            let tallies = try await fill(store, snapshots: snapshots)
            for (id, version, newest) in [("a", 6, 5), ("b", 1, 0)] {
                let error = await #expect(throws: AggregateStoreError.self) {
                    try await tallies.load(id, at: .version(StreamPosition(Int64(version))))
                }
                #expect(error?.code == .noSuchVersion)
                #expect(error?.message == "stream tally-\(id) has no version \(version): it stands at \(newest)")
            }
        }
    }

    @Test(
        "At a time it is what had happened by then, a clock that went back aside",
        arguments: [SnapshotPolicy.never, .every(2)]
    )
    func times(snapshots: SnapshotPolicy) async throws {
        try await TallyStore.with { store in
            let tallies = try await fill(store, snapshots: snapshots)
            let expected: [(String, Int64)] = [
                ("09:59:59.999999", 0), ("10:00:00", 1), ("11:59:00", 2), ("12:00:00", 4), ("13:30:00", 4),
                ("14:00:00", 5), ("23:00:00", 5),
            ]
            for (text, version) in expected {
                let loaded = try await tallies.load("a", at: .time(try time(text)))
                #expect(loaded.version.rawValue == version, "\(text)")
                #expect(loaded.aggregate.sum == version)
            }
            #expect(try await tallies.load("b", at: .time(try time("12:00:00"))).version == 0)
        }
    }

    @Test("Decisions on the past are refused like any other that comes too late")
    func pastIsOver() async throws {
        try await TallyStore.with { store in
            let tallies = try await fill(store, snapshots: .default)
            let past = try await tallies.load("a", at: .version(3))
            await #expect(throws: (any Error).self) { try await tallies.save(past.aggregate.add(1), after: past) }
            #expect(try await tallies.load("a").version == 5)
        }
    }
}
