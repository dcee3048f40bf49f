import Engine
import Postgres
import Refold
import TestProjections
import TestSupport
import Testing

@Suite("refold migrate")
struct MigrationTests {
    /// Everything that there is, by schema and name.
    private func objects(_ connection: PostgresConnection) async throws -> [String] {
        try await connection.query(
            """
            SELECT relnamespace::regnamespace || '.' || relname || ' ' || relkind::text FROM pg_class
             WHERE relnamespace::regnamespace::text IN ('public', 'refold', 'refold_data', 'read_models')
            UNION ALL
            SELECT pronamespace::regnamespace || '.' || proname FROM pg_proc
             WHERE pronamespace::regnamespace::text IN ('public', 'refold')
            UNION ALL
            SELECT 'pointer of ' || name FROM refold.projections
            ORDER BY 1
            """
        ).rows.map { try $0.text(0) }
    }

    @Test("Four at once make what one makes, and again changes nothing")
    func atOnce() async throws {
        let projections: [any Projection] = [Shelf(), EveryType()]
        var alone: [String] = []
        try await TestInstallation.with(Shelf(), EveryType()) { installation in
            alone = try await objects(installation.connection)
        }
        #expect(alone.contains("read_models.shelf v"))
        #expect(alone.contains("pointer of every_type"))
        #expect(alone.contains("public.events r"))
        try await TestDatabase.with { database in
            let connection = try await database.connect()
            let installation = TestInstallation(database: database, connection: connection)
            for _ in 0..<2 {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<4 { group.addTask { try await installation.migrate(projections) } }
                    try await group.waitForAll()
                }
                #expect(try await objects(connection) == alone)
            }
            await connection.close()
        }
    }

    @Test("It leaves pointers, rows and views as they are")
    func again() async throws {
        let shelf = Shelf()
        try await TestInstallation.with(shelf) { installation in
            let generation = try await installation.addSettled(shelf)
            try await installation.point(shelf, to: generation)
            let view = "SELECT oid::text || xmin::text FROM pg_class WHERE oid = 'read_models.shelf'::regclass"
            let before = (
                try await installation.value(view),
                try await PointerStore(installation.connection).pointer(of: "shelf").revision
            )
            try await installation.migrate([shelf, EveryType()])
            #expect(try await installation.value(view) == before.0)
            #expect(try await PointerStore(installation.connection).pointer(of: "shelf").revision == before.1)
            #expect(try await PointerStore(installation.connection).pointer(of: "shelf").live == generation.number)
            #expect(try await PointerStore(installation.connection).pointer(of: "every_type").live == nil)
        }
    }

    @Test("A view shows nothing before there is a generation")
    func empty() async throws {
        try await TestInstallation.with(Shelf(), EveryType()) { installation in
            for view in ["shelf", "\"every type\"", "every_number"] {
                let count = try await installation.value("SELECT count(*)::text FROM read_models.\(view)")
                #expect(count == "0", "\(view)")
            }
        }
    }
}
