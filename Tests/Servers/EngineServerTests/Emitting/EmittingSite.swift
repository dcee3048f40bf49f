import Engine
import Logging
import Postgres
import Refold
import TestProjections
import TestSupport
import Testing

/// A migrated database with projections that emit, and engines on it.
struct EmittingSite: Sendable {
    let url: String
    let connection: PostgresConnection
    var settings: EngineSettings
    var projections: [any Projection] = [Echo(), Listener()]

    var engine: Engine {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return Engine(settings, projections: projections, logger: logger)
    }

    /// - Parameter store: the script that makes the store; `migrate` does for nil.
    static func with(
        store: String? = nil,
        _ body: (EmittingSite) async throws -> Void
    ) async throws {
        try await TestDatabase.with { database in
            var settings = EngineSettings()
            settings.databaseURL = database.url
            settings.leaseTime = .seconds(1)
            let site = EmittingSite(url: database.url, connection: try await database.connect(), settings: settings)
            if let store { try await site.connection.executeScript(store) }
            try await site.engine.migrate()
            try await body(site)
            await site.connection.close()
        }
    }

    /// Appends questions.
    func ask(_ ids: String..., payload: String? = nil) async throws {
        for id in ids { try await EchoAnswers.ask(payload ?? #"{"id": "\#(id)"}"#, on: connection) }
    }

    /// Follows everything, what is emitted included.
    func tail(from start: GlobalPosition? = nil) async throws {
        try await engine.tail(TailRequest(projections, untilCaughtUp: true, emitFrom: start))
    }

    func rebuild(fresh: Bool = false, until: GlobalPosition? = nil, from start: GlobalPosition? = nil) async throws {
        let request = RebuildRequest([Echo()], fresh: fresh, until: until, emitFrom: start)
        for outcome in try await engine.rebuild(request) {
            if let error = outcome.error { throw error }
        }
    }

    func number(_ sql: String) async throws -> Int64 { try await connection.query(sql).int64(0, 0) }

    /// The answers that are in the log.
    func answers() async throws -> Int64 {
        try await number("SELECT count(*) FROM events WHERE event_type = 'echo.answered'")
    }

    /// Expects each question after a position to have its answers in the log, once and in order, and no others.
    func expectAnswers(after position: Int64 = 0, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let problems = try await EchoAnswers.problems(after: position, on: connection)
        #expect(problems.isEmpty, sourceLocation: sourceLocation)
    }

    /// Lends a daemon that runs meanwhile.
    func tailing(_ body: () async throws -> Void) async throws {
        let daemon = Task { try await engine.tail(TailRequest(projections)) }
        do {
            try await body()
        } catch {
            daemon.cancel()
            _ = try? await daemon.value
            throw error
        }
        daemon.cancel()
        _ = try await daemon.value
    }

    /// Waits until so many answers are in the log.
    func waitForAnswers(_ count: Int64) async throws {
        try await wait(for: "\(count) answers") { try await answers() >= count }
    }

    /// The tables of a store as an application may have made them.
    static func store(payload: String, eventID: String? = "event_id uuid NOT NULL UNIQUE,") -> String {
        """
        CREATE TABLE events (
            global_position bigserial PRIMARY KEY, \(eventID ?? "") stream_id text NOT NULL,
            stream_version integer NOT NULL, event_type text NOT NULL, event_data \(payload) NOT NULL,
            metadata \(payload), "timestamp" timestamptz NOT NULL DEFAULT now(), UNIQUE (stream_id, stream_version)
        );
        """
    }
}
