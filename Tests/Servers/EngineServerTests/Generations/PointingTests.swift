import Engine
import Postgres
import Refold
import TestProjections
import TestSupport
import Testing

@Suite("The pointer")
struct PointingTests {
    private let shelf = Shelf()

    private func fencingValue(_ installation: TestInstallation, _ generation: GenerationNumber) async throws
        -> FencingValue?
    {
        try await installation.value(
            "SELECT fencing_value::text FROM refold.checkpoints WHERE generation = $1",
            [.int64(generation.rawValue)]
        ).flatMap { Int64($0).map { FencingValue($0) } }
    }

    private func createLive(_ installation: TestInstallation, _ identity: String = "i") async throws -> Generation {
        let created = try await installation.transaction { [shelf] connection in
            let pointer = try await PointerStore(connection).pointer(of: shelf.name)
            return try await PointerStore(connection).pointAtEmptyGeneration(
                of: shelf,
                identity: identity,
                from: pointer
            )
        }
        return try #require(created)
    }

    @Test("Before refold migrate has run, that is what it says")
    func notMigrated() async throws {
        try await TestDatabase.withConnection { connection in
            let error = await #expect(throws: EngineError.self) {
                try await PointerStore(connection).pointer(of: "shelf")
            }
            #expect(error?.code == .notMigrated)
        }
        try await TestInstallation.with { installation in
            let error = await #expect(throws: EngineError.self) {
                try await PointerStore(installation.connection).pointer(of: "shelf")
            }
            #expect(error?.code == .notMigrated)
        }
    }

    @Test("The first generation is live at once; the next one keeps it for rollback; the one after lets it go")
    func liveKeptRetired() async throws {
        try await TestInstallation.with(shelf) { installation in
            let connection = installation.connection
            #expect(try await PointerStore(connection).pointer(of: "shelf").live == nil)
            #expect(try await installation.value("SELECT count(*)::text FROM read_models.shelf") == "0")
            let first = try await createLive(installation)
            #expect(try await PointerStore(connection).pointer(of: "shelf").live == first.number)
            #expect(try await PointerStore(connection).pointer(of: "shelf").kept == nil)
            let second = try await createLive(installation)
            #expect(second.number > first.number)
            #expect(try await PointerStore(connection).pointer(of: "shelf").kept == first.number)
            #expect(try await GenerationStore(connection).generation(first.number)?.state == .pointed)
            let third = try await createLive(installation)
            let pointer = try await PointerStore(connection).pointer(of: "shelf")
            #expect(pointer.live == third.number && pointer.kept == second.number && pointer.revision == 3)
            #expect(try await GenerationStore(connection).generation(first.number)?.state == .retired)
            #expect(try await GenerationStore(connection).generation(third.number)?.identity == "i")
            #expect(try await CheckpointStore(connection).position(of: third.number) == 0)
        }
    }

    @Test("Who knew an older revision does not move it, and leaves nothing behind")
    func compareAndSet() async throws {
        try await TestInstallation.with(shelf) { installation in
            let stale = try await PointerStore(installation.connection).pointer(of: "shelf")
            let first = try await createLive(installation)
            let created = try await installation.transaction { [shelf] connection in
                try await PointerStore(connection).pointAtEmptyGeneration(of: shelf, identity: "i", from: stale)
            }
            #expect(created == nil)
            #expect(try await installation.value("SELECT count(*)::text FROM refold.generations") == "1")
            let second = try await installation.addSettled(shelf)
            let hasMoved = try await installation.transaction { connection in
                try await PointerStore(connection).point("shelf", to: second.number, kept: nil, from: stale)
            }
            #expect(!hasMoved)
            #expect(try await PointerStore(installation.connection).pointer(of: "shelf").live == first.number)
            #expect(try await GenerationStore(installation.connection).generation(second.number)?.state == .building)
        }
    }

    @Test("Moving it changes the fencing values of the generation it leaves and of the one it enters, and of no other")
    func fencingValues() async throws {
        try await TestInstallation.with(shelf) { installation in
            let (first, second, other) = (
                try await installation.addSettled(shelf), try await installation.addSettled(shelf),
                try await installation.addSettled(shelf)
            )
            try await installation.point(shelf, to: first)
            let before = [
                try await fencingValue(installation, first.number), try await fencingValue(installation, second.number),
                try await fencingValue(installation, other.number),
            ]
            #expect(Set(before).count == 3)
            try await installation.point(shelf, to: second)
            #expect(try await fencingValue(installation, first.number) != before[0])
            #expect(try await fencingValue(installation, second.number) != before[1])
            #expect(try await fencingValue(installation, other.number) == before[2])
        }
    }

    @Test("Two who reset at once: one does, the other is told that the pointer moved")
    func racing() async throws {
        try await TestInstallation.with(shelf) { [shelf] installation in
            let created = try await withThrowingTaskGroup(of: Bool.self) { group in
                let pointer = try await PointerStore(installation.connection).pointer(of: "shelf")
                for _ in 0..<4 {
                    group.addTask {
                        let connection = try await installation.database.connect()
                        let generation = try await connection.transaction { connection in
                            try await PointerStore(connection).pointAtEmptyGeneration(
                                of: shelf,
                                identity: "i",
                                from: pointer
                            )
                        }
                        await connection.close()
                        return generation != nil
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(created.filter { $0 }.count == 1)
            #expect(try await PointerStore(installation.connection).pointer(of: "shelf").revision == 1)
        }
    }

    @Test("The unfinished generation is the newest that is building or ready")
    func unfinished() async throws {
        try await TestInstallation.with(shelf) { installation in
            let connection = installation.connection
            #expect(try await GenerationStore(connection).unfinished(of: "shelf") == nil)
            let (first, second) = (
                try await installation.addSettled(shelf), try await installation.addSettled(shelf)
            )
            #expect(try await GenerationStore(connection).unfinished(of: "shelf")?.number == second.number)
            try await GenerationStore(connection).setState(.retired, of: second.number)
            try await GenerationStore(connection).setState(.ready, of: first.number)
            #expect(try await GenerationStore(connection).unfinished(of: "shelf")?.number == first.number)
            try await installation.point(shelf, to: first)
            #expect(try await GenerationStore(connection).unfinished(of: "shelf") == nil)
        }
    }

    @Test("Tables are attached once, however often it is asked for")
    func attach() async throws {
        try await TestInstallation.with(shelf) { [shelf] installation in
            let generation = try await installation.transaction { connection in
                let generation = try await GenerationStore(connection).add(
                    of: shelf,
                    identity: "",
                    phase: .settled,
                    target: nil
                )
                for table in generation.tables(of: shelf) {
                    try connection.executeScript(table.createSQL)
                    try connection.executeScript(table.addKeySQL)
                }
                return generation
            }
            let tables = generation.tables(of: shelf)
            for _ in 0..<2 { try await ReadModelTables(installation.connection).attach(tables) }
            for table in tables {
                let parent = "SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = to_regclass($1)"
                #expect(try await installation.value(parent, [.text(table.quotedName)]) == table.quotedParent.unquoted)
            }
            #expect(try await installation.value("SHOW lock_timeout") == "0")
        }
    }
}

extension String {
    /// The name as `regclass` prints it where it needs no quotes.
    fileprivate var unquoted: String { replacing("\"", with: "") }
}
