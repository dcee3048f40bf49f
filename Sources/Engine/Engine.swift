internal import EventStore
public import Logging
internal import Metrics
package import Postgres
public import Refold
package import Timing

/// Everything an operator can ask for: the command line and tests call these, and present what they return.
public struct Engine: Sendable {
    /// The engine's settings.
    public let settings: EngineSettings
    /// The projections it runs.
    public let projections: [any Projection]
    /// Applied to payloads of older versions before projections see them.
    public let upcasters: Upcasters
    /// Its log.
    public let logger: Logger
    /// The cache of hot rows; nil for none.
    package let cache: (any Cache)?
    /// What it measures.
    package let metrics: EngineMetrics
    /// The time by which it decides and waits.
    package var time = TimeSource.machine
    /// The sessions that are open.
    package let connections = ConnectionRegistry()
    /// Says what they wait for.
    let silence = SilenceWatch()

    /// What it measures goes to the backend that swift-metrics has at this moment.
    ///
    /// - Parameters:
    ///   - projections: all of the installation's, whichever of them a call is about.
    ///   - cache: the cache of their hot rows; nil for none.
    package init(
        _ settings: EngineSettings,
        projections: [any Projection],
        upcasters: Upcasters = Upcasters(),
        cache: (any Cache)? = nil,
        logger: Logger
    ) {
        self.settings = settings
        self.projections = projections
        self.upcasters = upcasters
        self.cache = cache
        self.logger = logger
        metrics = EngineMetrics(of: projections, factory: MetricsSystem.factory)
    }

    /// The projections of given names, all for none. A name given twice counts once.
    ///
    /// - Throws: ``EngineError/Code/unknownProjection`` with the nearest name.
    public func projections(named names: [String]) throws -> [any Projection] {
        guard !names.isEmpty else { return projections }
        return try names.reduce(into: []) { named, name in
            guard let found = projections.first(where: { $0.name.rawValue == name }) else { throw unknown(name) }
            if !named.contains(where: { $0.name == found.name }) { named.append(found) }
        }
    }

    private func unknown(_ name: String) -> EngineError {
        let known = projections.map(\.name.rawValue)
        let nearest = known.min { EditDistance.between($0, name) < EditDistance.between($1, name) }
        return EngineError(
            .unknownProjection,
            "there is no projection \"\(name)\"",
            remedy: "did you mean \(nearest ?? "")? The projections are \(known.joined(separator: ", "))"
        )
    }

    /// A new session.
    ///
    /// - Parameter purpose: part of its ``sessionName(for:)``.
    package func connect(for purpose: String, _ more: [String: String] = [:]) async throws -> PostgresConnection {
        var options = PostgresOptions(applicationName: Self.sessionName(for: purpose), logger: logger)
        options.connectTimeout = settings.connectTimeout
        options.registry = connections
        options.preparesStatements = settings.preparesStatements
        // Our statements are many and small; compiling one takes longer than running it.
        options.settings["jit"] = "off"
        options.settings.merge(more) { $1 }
        let connection = try await PostgresConnection.connect(to: settings.databaseURL, options)
        // Not earlier: a watch that sees no session ends.
        silence.wake(self)
        return connection
    }

    /// What `pg_stat_activity.application_name` shows.
    static func sessionName(for purpose: String) -> String { "refold \(purpose)" }

    /// Ends all sessions with the database at once, from any thread; no new ones are opened. What was not committed is
    /// rolled back. For a process that has to end. The lease's session is spared: what the process owns is released.
    public func abandonConnections() {
        connections.abortAll(sparing: Self.sessionName(for: LeaseKeeper.purpose))
    }

    /// Lends a session and closes it.
    package func withConnection<R: Sendable>(
        for purpose: String,
        _ body: (PostgresConnection) async throws -> R
    ) async throws -> R {
        try await PostgresConnection.with(connect(for: purpose), body)
    }

    func policy(of projection: any Projection) -> RefusalPolicy { settings.policies[projection.name] ?? .stop }

    /// What a generation of the projection must agree on to be resumed.
    func identity(of projection: any Projection) -> GenerationIdentity {
        GenerationIdentity(of: projection, store: "\(settings.store.schema).\(settings.store.eventsTable)")
    }
}

/// Levenshtein's distance, for suggestions.
package enum EditDistance {
    package static func between(_ left: String, _ right: String) -> Int {
        var previous = Array(0...right.count)
        for (row, character) in left.enumerated() {
            var current = [row + 1]
            for (column, other) in right.enumerated() {
                let substituted = previous[column] + (character == other ? 0 : 1)
                current.append(min(substituted, previous[column + 1] + 1, current[column] + 1))
            }
            previous = current
        }
        return previous[right.count]
    }
}
