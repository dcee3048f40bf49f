import Engine
import EventStore
import Postgres
import Refold
import TestProjections
import TestSupport
import Testing

@Suite("Who may write a generation")
struct FencingTests {
    private let projection = EveryType([
        1: { types, rows in try rows.findOrInsert(types.numbered, 1)[types.note] = "first" },
        2: { types, rows in try rows.findOrInsert(types.numbered, 1)[types.note] = "second" },
    ])

    /// Lends a settled generation with one event in it, its writer, and the window of the second event.
    private func withWriter(
        _ body: (TestInstallation, GenerationWriter, CommitWindow) async throws -> Void
    ) async throws {
        try await TestInstallation.with(projection) { installation in
            let generation = try await installation.addSettled(projection)
            let writer = try await installation.writer(generation, of: projection)
            let memory = EveryRow(projection.model)
            memory.apply(projection, at: 1)
            try await writer.commit(.from(0, to: 1, memory.replacements(writer.tables)))
            memory.apply(projection, at: 2)
            let letter = DeadLetter(position: 2, type: "thing.put", error: "refused")
            try await body(installation, writer, .from(1, to: 2, memory.replacements(writer.tables), letters: [letter]))
            await writer.connection.close()
        }
    }

    private func note(_ installation: TestInstallation, _ writer: GenerationWriter) async throws -> String? {
        try await installation.value("SELECT note FROM \(writer.tables[2].quotedName)")
    }

    /// Expects that a window is refused and leaves nothing behind, neither in the database nor open on the session.
    private func expectRefused(
        _ window: CommitWindow,
        _ installation: TestInstallation,
        _ writer: GenerationWriter,
        at position: GlobalPosition = 1
    ) async throws {
        let error = await #expect(throws: EngineError.self) { try await writer.commit(window) }
        #expect(error?.code == .fenced)
        #expect(error?.projection == projection.name)
        #expect(try await note(installation, writer) == "first")
        #expect(try await CheckpointStore(installation.connection).position(of: writer.generation.number) == position)
        #expect(try await installation.value("SELECT count(*)::text FROM refold.dead_letters") == "0")
        #expect(await writer.connection.transactionStatus == .idle)
    }

    @Test(
        "A dead letter has the event's id where the store has one that is a uuid, else none",
        arguments: [
            ("", nil), (", event_id bigint DEFAULT 17", nil), (", event_id text DEFAULT 'no uuid'", nil),
            (
                ", event_id text DEFAULT '0190A000-0000-7000-8000-000000000001'",
                "0190a000-0000-7000-8000-000000000001"
            ),
        ] as [(String, String?)]
    )
    func idOfDeadLetter(column: String, expected: String?) async throws {
        try await withWriter { installation, writer, window in
            try await installation.connection.executeScript(
                """
                CREATE TABLE adopted (
                    global_position bigserial PRIMARY KEY, event_type text, event_data json,
                    "timestamp" timestamptz\(column)
                );
                INSERT INTO adopted (global_position) VALUES (2)
                """
            )
            let adopting = GenerationWriter(
                connection: writer.connection,
                generation: writer.generation,
                tables: writer.tables,
                owned: writer.owned,
                lease: writer.lease,
                store: try await StoreInspection.inspect(
                    writer.connection,
                    EventStoreSettings(eventsTable: "adopted")
                )
            )
            try await adopting.commit(window)
            let letters = try await installation.connection.query(
                "SELECT position, event_id::text FROM refold.dead_letters"
            )
            #expect(letters.count == 1)
            #expect(try letters.rows[0].optionalText(1) == expected)
        }
    }

    @Test("Rows, dead letters and checkpoint of a window commit together")
    func together() async throws {
        try await withWriter { installation, writer, window in
            try await writer.commit(window)
            #expect(try await note(installation, writer) == "second")
            #expect(try await CheckpointStore(installation.connection).position(of: writer.generation.number) == 2)
            let letters =
                "SELECT concat_ws(' ', projection, position, event_type, error, event_id) FROM refold.dead_letters"
            #expect(try await installation.values(letters) == ["every_type 2 thing.put refused"])
            let counts = "SELECT events::text FROM refold.checkpoints WHERE generation = $1"
            #expect(try await installation.value(counts, [.int64(writer.generation.number.rawValue)]) == "2")
        }
    }

    @Test("A window that does not begin at the checkpoint is refused, so none is applied twice")
    func compareAndSet() async throws {
        try await withWriter { installation, writer, window in
            let gap = CommitWindow.from(2, to: 3, window.rows, letters: window.deadLetters)
            try await expectRefused(gap, installation, writer)
            try await writer.commit(window)
            let error = await #expect(throws: EngineError.self) { try await writer.commit(window) }
            #expect(error?.code == .fenced)
            #expect(try await installation.value("SELECT count(*)::text FROM refold.dead_letters") == "1")
        }
    }

    @Test("An owner that another has followed is refused, however late it writes")
    func staleOwner() async throws {
        try await withWriter { installation, writer, window in
            try await installation.expire(writer.lease)
            let successor = try await installation.writer(writer.generation, of: projection)
            #expect(successor.owned.position == 1)
            #expect(successor.owned.fencingValue != writer.owned.fencingValue)
            try await expectRefused(window, installation, writer)
            try await successor.commit(window)
            #expect(try await note(installation, successor) == "second")
            await successor.connection.close()
        }
    }

    @Test("A stale owner is refused while it builds in memory too, and when it settles")
    func staleBuilder() async throws {
        try await TestInstallation.with(projection) { [projection] installation in
            let generation = try await installation.transaction { connection in
                try await GenerationStore(connection).add(of: projection, identity: "", phase: .memory, target: nil)
            }
            let writer = try await installation.writer(generation, of: projection)
            try await writer.createVersions()
            let memory = EveryRow(projection.model)
            memory.apply(projection, at: 1)
            let windows = [CommitWindow.from(0, to: 1, memory.versions()), .from(0, to: 1, memory.whole())]
            try await installation.expire(writer.lease)
            let successor = try await installation.writer(generation, of: projection)
            for window in windows {
                let error = await #expect(throws: EngineError.self) { try await writer.commit(window) }
                #expect(error?.code == .fenced)
                #expect(await writer.connection.transactionStatus == .idle)
            }
            let versions = "SELECT count(*)::text FROM \(writer.tables[2].quotedVersions)"
            #expect(try await installation.value(versions) == "0")
            #expect(try await GenerationStore(installation.connection).generation(generation.number)?.phase == .memory)
            #expect(try await CheckpointStore(installation.connection).position(of: generation.number) == 0)
            await writer.connection.close()
            await successor.connection.close()
        }
    }

    @Test("When the pointer enters or leaves a generation, its owner's next window is refused")
    func pointer() async throws {
        try await withWriter { installation, writer, window in
            try await installation.point(projection, to: writer.generation)
            try await expectRefused(window, installation, writer)
            try await CheckpointStore(writer.connection).release(writer.generation.number, of: writer.lease)
            let next = try await installation.writer(writer.generation, of: projection)
            try await installation.point(projection, to: try await installation.addSettled(projection))
            try await expectRefused(window, installation, next)
            await next.connection.close()
        }
    }

    @Test("A live owner is named, and keeps its generation")
    func owned() async throws {
        try await withWriter { installation, writer, window in
            let attempt = try await CheckpointStore(installation.connection).acquire(
                writer.generation.number,
                for: Lease(),
                Sightings(),
                at: .now
            )
            guard case .owned(let ownership) = attempt else {
                Issue.record("\(attempt)")
                return
            }
            #expect(ownership.owner.host == "a host" && ownership.owner.pid == 4711 && ownership.owner.since != nil)
            try await writer.commit(window)
        }
    }

    @Test("A generation is free at once when it is given back, and when its owner's lease is ended")
    func free() async throws {
        try await withWriter { installation, writer, window in
            try await CheckpointStore(writer.connection).release(writer.generation.number, of: writer.lease)
            #expect(try await CheckpointStore(installation.connection).ownership(of: writer.generation.number) == nil)
            let second = try await installation.writer(writer.generation, of: projection)
            try await LeaseStore(installation.connection).end(second.lease)
            let next = try await installation.writer(writer.generation, of: projection)
            let ownership = try await CheckpointStore(installation.connection).ownership(of: writer.generation.number)
            #expect(ownership?.leaseID == next.lease.id)
            try await next.commit(window)
            await second.connection.close()
            await next.connection.close()
        }
    }

    @Test("A checkpoint that is locked is a commit in flight, however old the lease")
    func locked() async throws {
        try await withWriter { installation, writer, _ in
            try await installation.expire(writer.lease)
            try await writer.connection.transaction { connection in
                _ = try await CheckpointStore(connection).position(of: writer.generation.number, lock: true)
                let attempt = try await CheckpointStore(installation.connection).acquire(
                    writer.generation.number,
                    for: Lease(),
                    Sightings(),
                    at: .now
                )
                guard case .locked = attempt else {
                    Issue.record("\(attempt)")
                    return
                }
            }
            let next = try await installation.writer(writer.generation, of: projection)
            await next.connection.close()
        }
    }

    @Test("A process of this machine that has ended owns nothing, whatever its lease says")
    func deadProcess() async throws {
        try await withWriter { installation, writer, _ in
            try await CheckpointStore(writer.connection).release(writer.generation.number, of: writer.lease)
            let mine = ProcessIdentity.current
            // A number that nobody can have now; and our own, of a process that started at another time.
            for (pid, started) in [(Int32.max, Int64(1)), (mine.pid, mine.started - 1)] {
                let dead = ProcessIdentity(
                    host: mine.host,
                    boot: mine.boot,
                    pidNamespace: mine.pidNamespace,
                    pid: pid,
                    started: started
                )
                #expect(dead.isKnownToBeDead)
                let owned = try await installation.writer(
                    writer.generation,
                    of: projection,
                    lease: Lease(process: dead)
                )
                let next = try await installation.writer(writer.generation, of: projection)
                try await CheckpointStore(next.connection).release(writer.generation.number, of: next.lease)
                await owned.connection.close()
                await next.connection.close()
            }
            #expect(!mine.isKnownToBeDead)
        }
    }

    @Test("An error of the data leaves nothing behind, and is not mistaken for another owner")
    func dataError() async throws {
        try await withWriter { installation, writer, _ in
            let bad = CommitWindow.Rows.replacements([PostgresStatement("SELECT 1 / 0")])
            let letter = DeadLetter(position: 2, type: "thing.put", error: "refused")
            let error = await #expect(throws: PostgresError.self) {
                try await writer.commit(.from(1, to: 2, bad, letters: [letter]))
            }
            #expect(error?.isDataError == true)
            let checkpoint = try await CheckpointStore(installation.connection).position(of: writer.generation.number)
            #expect(checkpoint == 1)
            #expect(await writer.connection.transactionStatus == .idle)
        }
    }
}
