import Engine
import Postgres
import Refold
import TestProjections
import TestSupport
import Testing

@Suite("Tables that change their shape, or go")
struct ChangedShapeTests {
    /// A projection with tables a test chooses: a table's name, then its integer columns.
    private struct Shaped: Projection {
        let name: ProjectionName = "shaped"
        let version = 1
        let eventTypes: [EventType] = [.put]
        let model: ReadModel
        private let first: (table: Table, column: Column<Int64>)

        init(_ tables: [(name: String, columns: [String])]) {
            var model = ReadModel()
            var first: (Table, Column<Int64>)?
            for (name, columns) in tables {
                let table = model.addTable(name, key: .text("id"))
                for column in columns {
                    let handle: Column<Int64> = model.addColumn(column, to: table)
                    first = first ?? (table, handle)
                }
            }
            guard let first else { preconditionFailure("the first table has a column") }
            self.first = first
            self.model = model
        }

        func apply(_ event: Event, to rows: Rows) throws {
            try rows.findOrInsert(first.table, "row").add(1, to: first.column)
        }
    }

    private let narrow = Shaped([("shaped", ["a"]), ("extra", ["x"])])
    private let wide = Shaped([("shaped", ["b", "a"]), ("extra", ["x"])])
    private let alone = Shaped([("shaped", ["a"])])

    private func append(_ installation: TestInstallation, _ count: Int) async throws {
        try await installation.connection.execute(
            """
            INSERT INTO events (event_id, stream_id, stream_version, event_type, event_data)
            SELECT gen_random_uuid(), gen_random_uuid()::text, 1, '\(EventType.put.name)', '{}'
              FROM generate_series(1, \(count))
            """
        )
    }

    private func rebuild(_ projection: Shaped, _ installation: TestInstallation) async throws {
        let outcomes = try await installation.engine([projection]).rebuild(RebuildRequest([projection]))
        if let error = outcomes.first?.error { throw error }
    }

    @Test("A rebuild, a reset and a daemon make the parents that a changed shape needs, without migrate")
    func withoutMigrate() async throws {
        try await TestInstallation.with(narrow) { installation in
            try await append(installation, 3)
            try await rebuild(narrow, installation)
            #expect(try await installation.value("SELECT a::text FROM read_models.shaped") == "3")
            try await rebuild(wide, installation)
            #expect(try await installation.value("SELECT b::text FROM read_models.shaped") == "3")

            let other = Shaped([("shaped", ["c"]), ("extra", ["x"])])
            let engine = installation.engine([other])
            _ = try await engine.reset(other)
            #expect(try await installation.value("SELECT count(c)::text FROM read_models.shaped") == "0")
            try await engine.tail(TailRequest([other], untilCaughtUp: true))
            #expect(try await installation.value("SELECT c::text FROM read_models.shaped") == "3")
        }
    }

    @Test("A generation of another shape is not rolled back to by a program that cannot show it")
    func rollback() async throws {
        try await TestInstallation.with(narrow) { installation in
            try await append(installation, 2)
            try await rebuild(narrow, installation)
            try await rebuild(wide, installation)
            let error = await #expect(throws: EngineError.self) {
                _ = try await installation.engine([wide]).rollback(wide, now: true)
            }
            #expect(error?.code == .identityDiffers && error?.message.contains("other columns") == true)
            #expect(try await installation.value("SELECT b::text FROM read_models.shaped") == "2")
            // The program that folded it can.
            _ = try await installation.engine([narrow]).rollback(narrow, now: true)
            #expect(try await installation.value("SELECT a::text FROM read_models.shaped") == "2")
            let columns = try await installation.values(
                "SELECT attname::text FROM pg_attribute WHERE attrelid = 'read_models.shaped'::regclass AND attnum > 0"
            )
            #expect(Set(columns) == ["id", "a"])
        }
    }

    @Test("A table that is gone takes its view with it when the pointer moves, and no other view")
    func removedTable() async throws {
        try await TestInstallation.with(narrow, Shelf()) { installation in
            try await installation.connection.executeScript(
                """
                CREATE VIEW read_models.ours AS SELECT 1 AS one;
                CREATE VIEW read_models.extra_sum AS SELECT sum(a) FROM read_models.shaped
                """
            )
            try await rebuild(narrow, installation)
            try await installation.migrate([alone, Shelf()])
            #expect(try await installation.value("SELECT to_regclass('read_models.extra')::text") != nil)
            try await rebuild(alone, installation)
            #expect(try await installation.value("SELECT to_regclass('read_models.extra')::text") == nil)
            let views = try await installation.values(
                "SELECT relname::text FROM pg_class WHERE relnamespace = 'read_models'::regnamespace ORDER BY relname"
            )
            #expect(views == ["extra_sum", "ours", "shaped", "shelf"])
        }
    }

    @Test("A view of others on the view of a table that is gone is named, and nothing is changed")
    func removedTableInUse() async throws {
        try await TestInstallation.with(narrow) { installation in
            try await rebuild(narrow, installation)
            try await installation.connection.execute("CREATE VIEW report AS SELECT * FROM read_models.extra")
            let error = await #expect(throws: EngineError.self) { try await rebuild(alone, installation) }
            #expect(error?.code == .blocked)
            #expect(error?.message.contains("report") == true && error?.message.contains("extra") == true)
            #expect(try await installation.value("SELECT count(*)::text FROM report") == "0")
            try await installation.connection.execute("DROP VIEW report")
            try await rebuild(alone, installation)
            #expect(try await installation.value("SELECT to_regclass('read_models.extra')::text") == nil)
        }
    }

    @Test("Triggers and rules on a view that is made anew stay, and one that cannot is named")
    func triggers() async throws {
        try await TestInstallation.with(narrow) { installation in
            try await append(installation, 1)
            try await rebuild(narrow, installation)
            try await installation.connection.executeScript(
                """
                CREATE TABLE written (a bigint);
                CREATE FUNCTION write() RETURNS trigger LANGUAGE plpgsql AS
                    'BEGIN INSERT INTO written VALUES (NEW.a); RETURN NEW; END';
                CREATE TRIGGER writing INSTEAD OF INSERT ON read_models.shaped FOR EACH ROW EXECUTE FUNCTION write();
                CREATE RULE quiet AS ON DELETE TO read_models.shaped DO INSTEAD INSERT INTO written VALUES (OLD.a);
                """
            )
            try await rebuild(wide, installation)
            try await installation.connection.executeScript(
                "INSERT INTO read_models.shaped (a) VALUES (7); DELETE FROM read_models.shaped"
            )
            #expect(try await installation.values("SELECT a::text FROM written ORDER BY a DESC") == ["7", "0"])

            let without = Shaped([("shaped", ["b"]), ("extra", ["x"])])
            let error = await #expect(throws: EngineError.self) { try await rebuild(without, installation) }
            #expect(
                error?.code == .blocked && error?.message.contains("CREATE RULE quiet") == true,
                "\(String(describing: error))"
            )
            #expect(try await installation.value("SELECT b::text FROM read_models.shaped") == "1")
        }
    }
}
