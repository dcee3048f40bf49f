package import ArgumentParser
package import Engine
internal import EventStore
internal import FoundationEssentials
internal import HotCache
package import Logging
internal import Postgres
internal import Refold

/// The options that every command has.
package struct SharedOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Read the settings from this file.", valueName: "file"))
    package var config: String?

    package init() {}

    /// Loads the settings.
    func load() throws -> Settings {
        try Settings.load(Installation.current, file: config, environment: ProcessInfo.processInfo.environment)
    }

    /// The engine with the settings.
    ///
    /// - Parameter level: what is logged at least.
    package func engine(logging level: Logger.Level = .warning) throws -> Engine {
        try load().makeEngine(logging: level)
    }
}

extension Settings {
    func makeEngine(logging level: Logger.Level) throws -> Engine {
        var logger = Logger(label: "refold") { _ in ConsoleLogHandler() }
        logger.logLevel = level
        return Engine(
            engine,
            projections: projections,
            upcasters: Installation.current.upcasters,
            cache: try cache.map { try RedisCache($0, hotSets: hotSets, of: projections, logger: logger) },
            logger: logger
        )
    }
}

extension Engine {
    /// Gives a closure the store's streams, on a session of their own.
    func withStreams<R: Sendable>(
        for command: String,
        _ body: (EventStreams) async throws -> R
    ) async throws -> R {
        try await withConnection(for: command) { connection in
            try await StoreInspection.requireStreams(connection, settings.store)
            return try await body(EventStreams(connection, settings.store))
        }
    }

    /// The one projection of that name.
    func projection(named name: String) throws -> any Projection {
        guard let found = try projections(named: [name]).first else {
            throw UsageError("no projection is named", remedy: "name one")
        }
        return found
    }
}
