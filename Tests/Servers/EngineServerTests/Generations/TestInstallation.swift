import Engine
import EventStore
import Logging
import Postgres
import Refold
import TestSupport

/// A database of one test's own in which `refold migrate` has run.
struct TestInstallation: Sendable {
    let database: TestDatabase
    let connection: PostgresConnection

    static func with(
        _ projections: any Projection...,
        body: (TestInstallation) async throws -> Void
    ) async throws {
        try await TestDatabase.with { database in
            let connection = try await database.connect()
            let installation = TestInstallation(database: database, connection: connection)
            try await installation.migrate(projections)
            try await body(installation)
        }
    }

    func migrate(_ projections: [any Projection]) async throws { try await engine(projections).migrate() }

    func engine(_ projections: [any Projection]) -> Engine {
        var settings = EngineSettings()
        settings.databaseURL = database.url
        return Engine(
            settings,
            projections: projections,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    /// Lends a transaction of the test's own session.
    func transaction<R: Sendable>(
        _ body: @Sendable (isolated PostgresConnection) async throws -> R
    ) async throws -> R {
        try await connection.transaction(.readCommitted, body)
    }

    /// One value, as text.
    func value(_ sql: String, _ parameters: [PostgresValue] = []) async throws -> String? {
        let rows = try await connection.query(sql, parameters).rows
        guard let row = rows.first else { return nil }
        return try row.isNull(0) ? nil : row.text(0)
    }

    /// The first column, as texts.
    func values(_ sql: String, _ parameters: [PostgresValue] = []) async throws -> [String] {
        try await connection.query(sql, parameters).rows.map { try $0.text(0) }
    }

    /// Adds a generation with keyed and attached tables, which is not live.
    func addSettled(_ projection: any Projection) async throws -> Generation {
        try await transaction { connection in
            let generation = try await GenerationStore(connection).add(
                of: projection,
                identity: "identity",
                phase: .settled,
                target: nil
            )
            for table in generation.tables(of: projection) {
                try connection.executeScript(table.createSQL)
                try connection.executeScript(table.addKeySQL)
                try connection.executeScript(table.attachSQL)
            }
            return generation
        }
    }

    /// Makes a generation live as the last step of a rebuild does, keeping the one that was.
    @discardableResult
    func point(_ projection: any Projection, to generation: Generation) async throws -> Bool {
        try await transaction { connection in
            let pointer = try await PointerStore(connection).pointer(of: projection.name, lock: true)
            try await ReadModelViews(connection).show(projection)
            return try await PointerStore(connection).point(
                projection.name,
                to: generation.number,
                kept: pointer.live,
                from: pointer
            )
        }
    }

    /// Takes a generation with a session and a lease of its own, as an owner does.
    func writer(
        _ generation: Generation,
        of projection: any Projection,
        lease: Lease = Lease(process: TestInstallation.process)
    ) async throws -> GenerationWriter {
        let connection = try await database.connect()
        try await LeaseStore(connection).renew(lease)
        let attempt = try await CheckpointStore(connection).acquire(
            generation.number,
            for: lease,
            Sightings(),
            at: .now
        )
        guard case .acquired(let owned) = attempt else { throw NotAcquired(attempt: attempt) }
        return GenerationWriter(
            connection: connection,
            generation: generation,
            tables: generation.tables(of: projection),
            owned: owned,
            lease: lease,
            store: try await StoreInspection.inspect(connection, EventStoreSettings())
        )
    }

    /// Lets a lease end as one does that is not renewed.
    func expire(_ lease: Lease) async throws {
        try await connection.execute(
            "UPDATE refold.owners SET renewed_at = clock_timestamp() - interval '1 hour' WHERE id = $1",
            [.uuid(lease.id)]
        )
    }

    /// A generation could not be taken.
    struct NotAcquired: Error {
        let attempt: Acquisition
    }

    /// A process of another machine, of which nobody here can know whether it lives.
    static let process = ProcessIdentity(host: "a host", boot: "", pidNamespace: "", pid: 4711, started: 0)
}
