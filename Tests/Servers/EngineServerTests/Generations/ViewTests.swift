import Engine
import Postgres
import Refold
import TestProjections
import TestSupport
import Testing

@Suite("Views when the columns of a read model change")
struct ViewTests {
    /// A projection whose public columns a test chooses; all are integers unless they say otherwise.
    private struct Changing: Projection {
        let name: ProjectionName = "changing"
        let version = 1
        let eventTypes: [EventType] = [.put]
        let model: ReadModel

        init(_ columns: String..., key: KeyColumn = .text("id")) {
            var model = ReadModel()
            let table = model.addTable("changing", key: key)
            for column in columns {
                if column.hasSuffix(":text") {
                    let _: Column<Text> = model.addColumn(String(column.dropLast(5)), to: table)
                } else if column.hasSuffix(":private") {
                    let _: Column<Int64> = model.addColumn(String(column.dropLast(8)), to: table, isPublic: false)
                } else {
                    let _: Column<Int64> = model.addColumn(column, to: table)
                }
            }
            self.model = model
        }

        func apply(_ event: Event, to rows: Rows) throws {}
    }

    /// Installs a first shape, live with one row, then a second one; points at the second as a rebuild would.
    private func change(
        from first: Changing,
        to second: Changing,
        before: (TestInstallation) async throws -> Void = { _ in },
        after: (TestInstallation) async throws -> Void
    ) async throws {
        try await TestInstallation.with(first) { installation in
            try await installation.point(first, to: try await add(first, installation))
            try await before(installation)
            try await installation.migrate([second])
            #expect(try await columns(installation) == first.publicColumns, "it changes only when the pointer moves")
            let generation = try await add(second, installation)
            try await installation.point(second, to: generation)
            #expect(try await columns(installation) == second.publicColumns)
            let count = try await installation.value("SELECT count(*)::text FROM read_models.changing")
            #expect(count == "1")
            try await after(installation)
        }
    }

    private func add(_ projection: Changing, _ installation: TestInstallation) async throws -> Generation {
        let generation = try await installation.addSettled(projection)
        let table = generation.tables(of: projection)[0]
        let definition = table.definition
        let names = definition.key.map(\.name) + definition.columns.map(\.name)
        try await installation.connection.execute(
            """
            INSERT INTO \(table.quotedName) (\(names.joined(separator: ", ")), _position)
            VALUES (\(names.map { _ in "'1'" }.joined(separator: ", ")), 1)
            """
        )
        return generation
    }

    private func columns(_ installation: TestInstallation) async throws -> [String] {
        try await installation.values(
            """
            SELECT attname FROM pg_attribute WHERE attrelid = 'read_models.changing'::regclass AND attnum > 0
               AND NOT attisdropped ORDER BY attnum
            """
        )
    }

    /// Grants, comments and options of the view, in words.
    private func properties(_ installation: TestInstallation) async throws -> [String] {
        try await installation.values(
            """
            SELECT concat_ws(' ', 'grant', a.privilege_type, a.grantee::regrole, a.is_grantable)
              FROM pg_class c, aclexplode(c.relacl) a
             WHERE c.oid = 'read_models.changing'::regclass AND a.grantee <> c.relowner
            UNION ALL
            SELECT concat_ws(' ', 'grant', t.attname, a.privilege_type, a.grantee::regrole)
              FROM pg_attribute t, aclexplode(t.attacl) a WHERE t.attrelid = 'read_models.changing'::regclass
            UNION ALL
            SELECT concat_ws(' ', 'owner', relowner::regrole) FROM pg_class WHERE oid = 'read_models.changing'::regclass
            UNION ALL
            SELECT concat_ws(' ', 'comment', objsubid, description) FROM pg_description
             WHERE objoid = 'read_models.changing'::regclass
            UNION ALL
            SELECT concat_ws(' ', 'option', unnest(reloptions)) FROM pg_class
             WHERE oid = 'read_models.changing'::regclass
            ORDER BY 1
            """
        )
    }

    /// Lends a role that is dropped afterwards.
    private func withRole(_ body: (String) async throws -> Void) async throws {
        let role = "refold_test_\(UInt64.random(in: 0 ... .max))"
        let administrator = try await PostgresConnection.connect(to: TestServers.databaseURL)
        try await administrator.execute("CREATE ROLE \(role)")
        do {
            try await body(role)
        } catch {
            try await administrator.execute("DROP ROLE \(role)")
            await administrator.close()
            throw error
        }
        try await administrator.execute("DROP ROLE \(role)")
        await administrator.close()
    }

    /// What an installation may have done to our view, by two roles.
    private func decorate(_ role: String) -> String {
        """
        GRANT SELECT ON refold.projections TO \(role);
        ALTER VIEW read_models.changing OWNER TO \(role);
        GRANT SELECT ON read_models.changing TO PUBLIC;
        GRANT SELECT, DELETE ON read_models.changing TO pg_monitor WITH GRANT OPTION;
        GRANT UPDATE (a) ON read_models.changing TO pg_monitor;
        COMMENT ON VIEW read_models.changing IS 'it''s "ours"';
        COMMENT ON COLUMN read_models.changing.a IS 'the first';
        ALTER VIEW read_models.changing SET (security_barrier = true);
        """
    }

    @Test("Columns that are appended come in place: grants, comments and views that stand on it stay")
    func appended() async throws {
        try await withRole { role in
            try await change(from: Changing("a", "b"), to: Changing("a", "b", "c:text", "d")) { installation in
                try await installation.connection.executeScript(
                    decorate(role) + "CREATE VIEW dependent AS SELECT id, b FROM read_models.changing"
                )
            } after: { installation in
                #expect(try await properties(installation).count == 8)
                #expect(try await installation.value("SELECT concat(id, b) FROM dependent") == "11")
                try await installation.connection.execute("DROP OWNED BY \(role) CASCADE")
            }
        }
    }

    @Test(
        "A view whose columns change is made anew with owner, grants, comments and options",
        arguments: [["b", "a"], ["a:text", "b"], ["a"], ["c", "a", "b"]]
    )
    func remade(names: [String]) async throws {
        let second =
            switch names.count {
            case 1: Changing(names[0])
            case 2: Changing(names[0], names[1])
            default: Changing(names[0], names[1], names[2])
            }
        try await withRole { role in
            var before: [String] = []
            try await change(from: Changing("a", "b"), to: second) { installation in
                try await installation.connection.executeScript(decorate(role))
                before = try await properties(installation)
            } after: { installation in
                #expect(try await properties(installation) == before.map(renumbered(names)))
                #expect(before.count == 8)
                try await installation.connection.execute("DROP OWNED BY \(role) CASCADE")
            }
        }
    }

    /// The comment of column `a` where it stands now.
    private func renumbered(_ names: [String]) -> (String) -> String {
        let place = (names.firstIndex { $0.hasPrefix("a") } ?? 0) + 2
        return { $0.hasPrefix("comment 2 ") ? "comment \(place) the first" : $0 }
    }

    @Test("A key of another name or type makes the view anew too")
    func otherKey() async throws {
        try await change(from: Changing("a"), to: Changing("a", key: .integer("id"))) { _ in }
        try await change(from: Changing("a"), to: Changing("a", key: .text("key"))) { _ in }
    }

    @Test("A column that becomes public, or private, though the tables stay the same")
    func visibility() async throws {
        try await change(from: Changing("a", "b:private"), to: Changing("a", "b")) { _ in }
        try await change(from: Changing("a", "b:private", "c"), to: Changing("a", "b", "c")) { _ in }
        try await change(from: Changing("a", "b"), to: Changing("a", "b:private")) { _ in }
    }

    @Test("A view of others that stands on it is named, and nothing is changed")
    func blocked() async throws {
        let (first, second) = (Changing("a", "b"), Changing("b", "a"))
        try await TestInstallation.with(first) { installation in
            try await installation.point(first, to: try await add(first, installation))
            try await installation.connection.executeScript(
                """
                CREATE SCHEMA reports;
                CREATE VIEW reports.top AS SELECT * FROM read_models.changing;
                CREATE MATERIALIZED VIEW reports.daily AS SELECT * FROM read_models.changing;
                """
            )
            let pointer = try await PointerStore(installation.connection).pointer(of: "changing")
            try await installation.migrate([second])
            let generation = try await add(second, installation)
            let error = await #expect(throws: EngineError.self) {
                try await installation.point(second, to: generation)
            }
            #expect(error?.code == .blocked)
            #expect(error?.message.contains("reports.top") == true)
            #expect(error?.message.contains("reports.daily") == true)
            #expect(try await columns(installation) == ["id", "a", "b"])
            #expect(
                try await PointerStore(installation.connection).pointer(of: "changing").revision == pointer.revision
            )
            #expect(try await installation.value("SELECT a::text FROM reports.top") == "1")
            try await installation.connection.execute("DROP SCHEMA reports CASCADE")
            try await installation.point(second, to: generation)
            #expect(try await columns(installation) == ["id", "b", "a"])
        }
    }

    @Test("A reader who keeps the view in an open transaction is not waited for in front of all others")
    func lockedView() async throws {
        let (first, second) = (Changing("a"), Changing("b"))
        try await TestInstallation.with(first) { installation in
            try await installation.point(first, to: try await add(first, installation))
            let reader = try await installation.database.connect()
            try await reader.executeScript("BEGIN; SELECT * FROM read_models.changing")
            try await installation.migrate([second])
            let generation = try await add(second, installation)
            let error = await #expect(throws: EngineError.self) {
                try await installation.point(second, to: generation)
            }
            #expect(error?.code == .locked)
            #expect(error?.message.contains("pid \(reader.backendPID)") == true, "\(String(describing: error))")
            // Reset changes the view too, and says the same.
            let engine = installation.engine([second])
            let reset = await #expect(throws: EngineError.self) { _ = try await engine.reset(second) }
            #expect(reset?.code == .locked)
            #expect(try await columns(installation) == ["id", "a"])
            try await reader.execute("COMMIT")
            try await installation.point(second, to: generation)
            #expect(try await columns(installation) == ["id", "b"])
            await reader.close()
        }
    }

    @Test("Other things that stand on it are named as well")
    func blockedByFunction() async throws {
        let (first, second) = (Changing("a", "b"), Changing("b", "a"))
        try await TestInstallation.with(first) { installation in
            try await installation.point(first, to: try await add(first, installation))
            try await installation.connection.executeScript(
                "CREATE FUNCTION top_ten() RETURNS SETOF read_models.changing LANGUAGE sql AS 'SELECT NULL LIMIT 10'"
                    .replacing("SELECT NULL LIMIT 10", with: "SELECT * FROM read_models.changing LIMIT 10")
            )
            try await installation.migrate([second])
            let generation = try await add(second, installation)
            let error = await #expect(throws: EngineError.self) {
                try await installation.point(second, to: generation)
            }
            #expect(error?.code == .blocked)
            #expect(error?.message.contains("top_ten()") == true)
            #expect(try await columns(installation) == ["id", "a", "b"])
        }
    }
}

extension Projection {
    fileprivate var publicColumns: [String] {
        model.tables[0].key.map(\.name) + model.tables[0].columns.filter(\.isPublic).map(\.name)
    }
}
