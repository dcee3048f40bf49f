internal import Postgres

/// The logs that are folded, each in a database of its own: made once, and used again by a run with the same size.
struct Logs {
    let workplace: Workplace
    /// A database that always exists.
    let server: Database

    init(_ workplace: Workplace) throws {
        self.workplace = workplace
        server = try Database("refold", at: workplace.address)
    }

    func database(_ name: String) throws -> Database { try Database(name, at: workplace.address) }

    func create(_ database: Database) async throws {
        try await drop(database)
        try await server.executeAlone("CREATE DATABASE \(database.name)")
    }

    func drop(_ database: Database) async throws {
        try await server.executeAlone("DROP DATABASE IF EXISTS \(database.name) WITH (FORCE)")
    }

    func migrate(_ database: Database) async throws {
        try await workplace.run([workplace.refold, "migrate"], environment: database.environment)
    }

    /// The generator's own log, payloads as json.
    func generate(_ events: Int, in database: Database) async throws {
        if try await holds(database, events) {
            try await forget(database)
            return try await migrate(database)
        }
        say("Generating \(grouped(events)) events …")
        try await create(database)
        try await migrate(database)
        try await workplace.run(
            [workplace.refold, "generate", "--events", "\(events)", "--seed", "1"],
            environment: database.environment
        )
        try await database.executeAlone("VACUUM (ANALYZE) events")
    }

    /// The same log with payloads as jsonb, as an existing store might have it.
    func copy(_ source: Database, _ events: Int, to database: Database) async throws {
        if try await holds(database, events) {
            try await forget(database)
        } else {
            say("Copying them into a store with jsonb payloads …")
            try await create(database)
            try await database.execute(
                """
                CREATE TABLE events (
                    global_position bigserial PRIMARY KEY, event_id uuid UNIQUE, stream_id text, stream_version integer,
                    event_type text, event_data jsonb, metadata jsonb, "timestamp" timestamptz,
                    UNIQUE (stream_id, stream_version))
                """
            )
            let columns =
                #"global_position, event_id, stream_id, stream_version, event_type, event_data, metadata, "timestamp""#
            let file = workplace.path("log.copy")
            try await workplace.run(
                workplace.psql(
                    source,
                    ["-c", "\\copy (SELECT \(columns) FROM events ORDER BY global_position) TO '\(file)'"]
                )
            )
            try await workplace.run(workplace.psql(database, ["-c", "\\copy events (\(columns)) FROM '\(file)'"]))
            try await workplace.run(["rm", file])
            try await database.execute(
                "SELECT setval('events_global_position_seq', max(global_position)) FROM events"
            )
            try await database.executeAlone("VACUUM (ANALYZE) events")
        }
        try await migrate(database)
    }

    /// Whether the database holds a log of exactly so many events from an earlier call.
    private func holds(_ database: Database, _ events: Int) async throws -> Bool {
        guard
            try await server.integer("SELECT count(*) FROM pg_database WHERE datname = $1", [.text(database.name)])
                == 1,
            try await database.integer("SELECT count(to_regclass('public.events'))") == 1
        else { return false }
        return try await database.integer("SELECT count(*) FROM events") == events
    }

    /// Removes what earlier runs made of the log, but not the log.
    private func forget(_ database: Database) async throws {
        try await database.execute(
            ["read_models", "refold_data", "refold", "benchmark", "set_based"]
                .map { "DROP SCHEMA IF EXISTS \($0) CASCADE;" }.joined()
        )
    }
}
