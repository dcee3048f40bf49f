import Engine
import Postgres
import Refold
import TestProjections
import TestSupport
import Testing

@Suite("Dropping generations")
struct DroppingTests {
    private let shelf = Shelf()

    /// A generation with one row, whose score says which one it is.
    private func add(_ installation: TestInstallation, _ score: Int) async throws -> Generation {
        let generation = try await installation.addSettled(shelf)
        let table = generation.tables(of: shelf)[1].quotedName
        try await installation.connection.execute(
            "INSERT INTO \(table) (id, score, seen, hidden, _position) VALUES ('a', \(score), now(), 0, 1)"
        )
        return generation
    }

    private func tables(_ installation: TestInstallation, _ generation: Generation) async throws -> [String] {
        try await installation.values(
            "SELECT relname FROM pg_class WHERE relname ~ ('_g' || $1) AND relkind = 'r' ORDER BY 1",
            [.text("\(generation.number)")]
        )
    }

    private func score(_ connection: PostgresConnection) async throws -> Double {
        try await connection.query("SELECT score FROM read_models.shelf").double(0, 0)
    }

    /// A session with the rights of an ordinary user, who is not told when others' transactions began.
    private func ordinary(_ installation: TestInstallation, _ role: String) async throws -> PostgresConnection {
        try await installation.connection.executeScript(
            """
            CREATE ROLE \(role);
            ALTER SCHEMA refold OWNER TO \(role); ALTER SCHEMA refold_data OWNER TO \(role);
            ALTER SCHEMA read_models OWNER TO \(role); ALTER VIEW read_models.shelf OWNER TO \(role);
            DO $$ DECLARE t regclass; BEGIN
                FOR t IN SELECT oid FROM pg_class WHERE relkind IN ('r', 'p', 'S')
                    AND relnamespace IN ('refold'::regnamespace, 'refold_data'::regnamespace)
                    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype IN ('a', 'i')
                                    AND classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass
                                    AND relkind = 'S')
                LOOP EXECUTE format('ALTER TABLE %s OWNER TO \(role)', t); END LOOP;
            END $$
            """
        )
        let connection = try await installation.database.connect()
        try await connection.execute("SET ROLE \(role)")
        return connection
    }

    @Test("A generation nobody can see goes with its tables, its checkpoint and its dead letters")
    func dropped() async throws {
        try await TestInstallation.with(shelf) { installation in
            var generations: [Generation] = []
            for score in 1...3 {
                generations.append(try await add(installation, score))
                try await installation.point(shelf, to: generations[score - 1])
            }
            try await installation.connection.execute(
                "INSERT INTO refold.dead_letters VALUES ('shelf', $1, 1, NULL, 'x', 'y')",
                [.int64(generations[0].number.rawValue)]
            )
            #expect(try await RetiredGenerations(installation.connection).drop().isEmpty)
            #expect(try await tables(installation, generations[0]) == [])
            #expect(try await GenerationStore(installation.connection).generation(generations[0].number) == nil)
            #expect(try await installation.value("SELECT count(*)::text FROM refold.checkpoints") == "2")
            #expect(try await installation.value("SELECT count(*)::text FROM refold.dead_letters") == "0")
            #expect(try await tables(installation, generations[1]).count == 2, "the kept one stays")
            #expect(try await score(installation.connection) == 3)
            #expect(try await installation.value("SHOW statement_timeout") == "0")
            #expect(try await installation.value("SHOW lock_timeout") == "0")
        }
    }

    @Test("A half-built generation that is given up goes too, versions and all")
    func abandoned() async throws {
        try await TestInstallation.with(shelf) { [shelf] installation in
            let generation = try await installation.transaction { connection in
                try await GenerationStore(connection).add(of: shelf, identity: "", phase: .memory, target: nil)
            }
            let writer = try await installation.writer(generation, of: shelf)
            try await writer.createVersions()
            try await GenerationStore(installation.connection).setState(.retired, of: generation.number)
            let left = try await RetiredGenerations(installation.connection).drop()
            #expect(left.map(\.number) == [generation.number], "a live process owns it")
            #expect(try await tables(installation, generation).count == 2)
            try await CheckpointStore(writer.connection).release(generation.number, of: writer.lease)
            #expect(try await RetiredGenerations(installation.connection).drop().isEmpty)
            #expect(try await tables(installation, generation) == [])
            await writer.connection.close()
        }
    }

    @Test(
        "A snapshot from before the switch keeps the generation it sees, whoever holds it and whoever would drop",
        arguments: [false, true]
    )
    func snapshot(asOrdinaryUser: Bool) async throws {
        try await TestInstallation.with(shelf) { installation in
            let role = "refold_test_\(UInt64.random(in: 0 ... .max))"
            let dropper = asOrdinaryUser ? try await ordinary(installation, role) : installation.connection
            let first = try await add(installation, 1)
            try await installation.point(shelf, to: first)
            let reader = try await installation.database.connect()
            try await reader.executeScript("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
            for score in 2...3 { try await installation.point(shelf, to: try await add(installation, score)) }
            if asOrdinaryUser {
                for generation in 1...3 {
                    for table in ["shelf", "shelf_notes"] {
                        try await installation.connection.execute(
                            "ALTER TABLE refold_data.\(table)_g\(generation) OWNER TO \(role)"
                        )
                    }
                }
            }
            #expect(try await RetiredGenerations(dropper).drop().map(\.number) == [first.number])
            // It had not looked at the model yet when the pointer moved, and holds no lock on it.
            #expect(try await score(reader) == 1)
            #expect(try await score(installation.connection) == 3)
            try await reader.execute("COMMIT")
            #expect(try await score(reader) == 3)
            #expect(try await RetiredGenerations(dropper).drop().isEmpty)
            #expect(try await tables(installation, first) == [])
            await reader.close()
            if asOrdinaryUser {
                await dropper.close()
                try await installation.connection.executeScript(
                    "REASSIGN OWNED BY \(role) TO CURRENT_USER; DROP ROLE \(role)"
                )
            }
        }
    }

    @Test("A snapshot taken while the pointer was being moved keeps the generation too")
    func snapshotWhileMoving() async throws {
        try await TestInstallation.with(shelf) { [shelf] installation in
            let first = try await add(installation, 1)
            try await installation.point(shelf, to: first)
            let reader = try await installation.database.connect()
            let second = try await add(installation, 2)
            let mover = try await installation.database.connect()
            try await mover.transaction { connection in
                let pointer = try await PointerStore(connection).pointer(of: shelf.name, lock: true)
                _ = try await PointerStore(connection).point(
                    shelf.name,
                    to: second.number,
                    kept: pointer.live,
                    from: pointer
                )
                // Before the pointer's move is committed, so what it sees is the first.
                try await reader.executeScript("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
            }
            await mover.close()
            try await installation.point(shelf, to: try await add(installation, 3))
            #expect(try await RetiredGenerations(installation.connection).drop().map(\.number) == [first.number])
            #expect(try await score(reader) == 1)
            try await reader.execute("COMMIT")
            #expect(try await RetiredGenerations(installation.connection).drop().isEmpty)
            await reader.close()
        }
    }

    @Test("A detaching that was interrupted is finished, and holds up neither readers nor the others' dropping")
    func interrupted() async throws {
        try await TestInstallation.with(shelf) { installation in
            var generations: [Generation] = []
            for score in 1...4 {
                generations.append(try await add(installation, score))
                try await installation.point(shelf, to: generations[score - 1])
            }
            // Idle in transaction on the view: no snapshot, but locks on the parent's partitions.
            let reader = try await installation.database.connect()
            try await reader.executeScript("BEGIN; SELECT * FROM read_models.shelf")
            let left = try await RetiredGenerations(installation.connection).drop()
            #expect(left.map(\.number) == generations[0...1].map(\.number))
            let pending = "SELECT count(*)::text FROM pg_inherits WHERE inhdetachpending"
            #expect(try await installation.value(pending) == "1")
            #expect(try await score(installation.connection) == 4)
            #expect(try await score(reader) == 4)
            #expect(try await RetiredGenerations(installation.connection).drop().count == 2)
            // A new generation can be attached meanwhile.
            let fifth = try await add(installation, 5)
            try await installation.point(shelf, to: fifth)
            #expect(try await score(installation.connection) == 5)
            try await reader.execute("COMMIT")
            #expect(try await RetiredGenerations(installation.connection).drop().isEmpty)
            for generation in generations[0...2] { #expect(try await tables(installation, generation) == []) }
            #expect(try await score(installation.connection) == 5)
            await reader.close()
        }
    }

    @Test("What others have made on a generation's tables keeps it, by name, until it is gone")
    func dependedOn() async throws {
        try await TestInstallation.with(shelf) { installation in
            let first = try await add(installation, 1)
            try await installation.point(shelf, to: first)
            let table = first.tables(of: shelf)[1].quotedName
            try await installation.connection.executeScript(
                """
                CREATE SCHEMA reports;
                CREATE VIEW reports.top AS SELECT id, score FROM \(table);
                CREATE MATERIALIZED VIEW reports.nightly AS SELECT * FROM reports.top;
                CREATE TABLE reports.notes (of_id text REFERENCES \(table), whole \(table));
                """
            )
            for score in 2...3 { try await installation.point(shelf, to: try await add(installation, score)) }
            for _ in 1...2 {
                let left = try await RetiredGenerations(installation.connection).drop()
                #expect(left.map(\.number) == [first.number])
                #expect(left.first?.needsHelp == true)
                let reason = try #require(left.first?.reason)
                for name in ["view reports.top", "table reports.notes"] {
                    #expect(reason.contains(name), "\(reason)")
                }
                #expect(!reason.contains("constraint generation"), "\(reason)")
            }
            #expect(try await GenerationStore(installation.connection).generation(first.number)?.state == .retired)
            let attached = "SELECT count(*)::text FROM pg_inherits WHERE inhrelid = to_regclass($1)"
            #expect(try await installation.value(attached, [.text(table)]) == "1", "it was not even detached")

            let engine = installation.engine([shelf])
            let listed = try await engine.generations().first { $0.generation == first.number }
            #expect(listed?.role == .retired)
            #expect(listed?.obstacle?.contains("view reports.top") == true)
            let check = try #require(await engine.doctor().first { $0.name == "retired generations" })
            #expect(check.result == .warning)
            let found = check.found
            #expect(found.contains("\(first.number)") && found.contains("view reports.top"), "\(found)")

            try await installation.connection.executeScript("DROP SCHEMA reports CASCADE")
            #expect(try await RetiredGenerations(installation.connection).drop().isEmpty)
            #expect(try await tables(installation, first) == [])
        }
    }

    @Test("A generation that is made live again while it is being dropped keeps its tables")
    func pointedMeanwhile() async throws {
        try await TestInstallation.with(shelf) { installation in
            var generations: [Generation] = []
            for score in 1...3 {
                generations.append(try await add(installation, score))
                try await installation.point(shelf, to: generations[score - 1])
            }
            let first = generations[0]
            let mover = try await installation.database.connect()
            try await mover.executeScript(
                """
                BEGIN; UPDATE refold.generations SET state = 'pointed' WHERE generation = \(first.number);
                UPDATE refold.projections SET live = \(first.number) WHERE name = 'shelf'
                """
            )
            // The move is not committed, so the list still has it.
            #expect(try await RetiredGenerations(installation.connection).drop().map(\.number) == [first.number])
            try await mover.executeScript("COMMIT")
            #expect(try await RetiredGenerations(installation.connection).drop().isEmpty)
            #expect(try await tables(installation, first).count == 2)
            #expect(try await score(installation.connection) == 1)
            await mover.close()
        }
    }

    @Test("A generation that is to be dropped is not pointed at any more")
    func notPointedAt() async throws {
        try await TestInstallation.with(shelf) { installation in
            let (first, second) = (try await add(installation, 1), try await add(installation, 2))
            try await installation.point(shelf, to: second)
            try await GenerationStore(installation.connection).setState(.retired, of: first.number)
            #expect(try await installation.point(shelf, to: first) == false)
            #expect(try await score(installation.connection) == 2)
            #expect(try await PointerStore(installation.connection).pointer(of: shelf.name).live == second.number)
        }
    }
}
