internal import Foundation
internal import Postgres

/// The write side, measured: appends beside pgbench's bare INSERTs, imports beside `\copy`, loading beside a snapshot.
struct WriteSide {
    /// How many append at once.
    static let writers = [1, 8, 32]

    /// How many events are imported.
    let imported: Int
    private let plan: Plan
    private let workplace: Workplace
    private let database: Database
    private let server: Database
    private let pgbench: String

    /// Makes a store to write to, and the same events twice: as `import` reads them, and as `\copy` does.
    init(_ plan: Plan, _ workplace: Workplace, _ logs: Logs, from source: Database, into database: Database)
        async throws
    {
        self.plan = plan
        self.workplace = workplace
        self.database = database
        server = logs.server
        pgbench = try workplace.pgbench()
        try await workplace.run(
            [workplace.refold, "export", "--through", "\(plan.imported)"],
            environment: source.environment,
            output: workplace.path("events.ndjson")
        )
        // Of a log with holes there are fewer.
        imported = try await source.integer(
            "SELECT count(*) FROM events WHERE global_position <= $1",
            [.int64(Int64(plan.imported))]
        )
        let select = "SELECT \(Self.columns) FROM events ORDER BY global_position LIMIT \(imported)"
        try await workplace.run(
            workplace.psql(source, ["-c", "\\copy (\(select)) TO '\(workplace.path("events.copy"))'"])
        )
        try await logs.create(database)
        try await logs.migrate(database)
        try await database.execute(
            """
            CREATE TABLE copied (LIKE events INCLUDING ALL);
            CREATE SEQUENCE copied_position;
            ALTER TABLE copied ALTER global_position SET DEFAULT nextval('copied_position')
            """
        )
    }

    private static let columns =
        #"event_id, stream_id, stream_version, event_type, event_data, metadata, "timestamp""#

    func empty() async throws { try await database.execute("TRUNCATE events, streams, copied, refold.imports") }

    func measure(into results: inout Results) async throws {
        try await empty()
        for writers in Self.writers {
            results.add(
                try await inserts(writers, "append.sql", PackageResources.append_sql),
                to: .transactions(writers: writers)
            )
            results.add(try await appends(writers), to: .appends(writers: writers))
            results.add(
                try await inserts(writers, "append-in-one.sql", PackageResources.append_in_one_sql),
                to: .statements(writers: writers)
            )
        }
        results.add(try await appends(1, eventsPerCall: 100), to: .appendsOfHundred)
        try await empty()
        try await server.checkpoint()
        let copy = "\\copy copied (\(Self.columns)) FROM '\(workplace.path("events.copy"))'"
        results.add(try await workplace.measure(workplace.psql(database, ["-c", copy])), to: .copy)
        try await server.checkpoint()
        let file = workplace.path("events.ndjson")
        results.add(
            try await workplace.measure(
                [workplace.refold, "import", file, "--quiet"],
                environment: database.environment
            ),
            to: .imported
        )
        let same = try await database.integer(
            """
            SELECT count(*) FROM events
            JOIN copied USING (event_id, stream_id, stream_version, event_type, "timestamp")
            WHERE events.event_data::text = copied.event_data::text
            """
        )
        if same != imported { results.wrong.append("\(same) of \(imported) events were imported as they were") }
    }

    func load(into results: inout Results) async throws {
        for (age, time) in try await Loads(database).medians() {
            results.add(time / .milliseconds(1), to: .loading(age))
        }
    }

    private func appends(_ writers: Int, eventsPerCall: Int = 1) async throws -> Double {
        try await server.checkpoint()
        return try await Appends(database, writers: writers, eventsPerCall: eventsPerCall).rate(for: plan.appending)
    }

    /// pgbench's transactions a second.
    private func inserts(_ writers: Int, _ name: String, _ script: [UInt8]) async throws -> Double {
        try await server.checkpoint()
        let output = try await workplace.run(
            [
                pgbench, "--no-vacuum", "--protocol", "prepared", "--client", "\(writers)",
                "--jobs", "\(ProcessInfo.processInfo.processorCount)", "--time", "\(plan.appending.components.seconds)",
                "--file", try workplace.file(name, script), database.url,
            ]
        )
        guard let line = output.split(separator: "\n").first(where: { $0.hasPrefix("tps = ") }),
            let rate = Double(line.split(separator: " ")[2])
        else { throw Failure(description: "pgbench told no rate: \(output)") }
        return rate
    }
}
