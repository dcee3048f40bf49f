public import Postgres

/// A database of one test's own, on the PostgreSQL server of ``TestServers``.
public struct TestDatabase: Sendable {
    /// The database's name.
    public let name: String
    /// A libpq connection string that leads to it.
    public let url: String

    /// Creates a database, lends it to `body`, and drops it, whether `body` returns or throws.
    ///
    /// Connections that the body left open are ended by the server.
    ///
    /// - Parameter options: those of CREATE DATABASE, such as another encoding.
    /// - Throws: `MissingServer` when there is none, so that the test fails visibly.
    public static func with<Result: Sendable>(
        options: String = "ENCODING UTF8",
        isolation: isolated (any Actor)? = #isolation,
        _ body: (TestDatabase) async throws -> Result
    ) async throws -> Result {
        let server = try await ConnectionString(TestServers.databaseURL)
        await Gate.databases.enter()
        let outcome: Swift.Result<Result, any Error>
        do {
            outcome = .success(try await create(on: server, options, body))
        } catch {
            outcome = .failure(error)
        }
        await Gate.databases.leave()
        return try outcome.get()
    }

    private static func create<Result: Sendable>(
        on server: ConnectionString,
        _ options: String,
        isolation: isolated (any Actor)? = #isolation,
        _ body: (TestDatabase) async throws -> Result
    ) async throws -> Result {
        let name = "refold_test_\(UInt64.random(in: 0 ... .max))"
        let administrator = try await PostgresConnection.connect(to: server.keywordValueText)
        try await administrator.executeScript(
            "CREATE DATABASE \(quoteIdentifier(name)) TEMPLATE template0 \(options)"
        )
        let database = TestDatabase(name: name, url: server.replacing(database: name).keywordValueText)
        let outcome: Swift.Result<Result, any Error>
        do {
            outcome = .success(try await body(database))
        } catch {
            outcome = .failure(error)
        }
        // Not part of the test's task, which may have been cancelled.
        try await Task {
            try await administrator.executeScript("DROP DATABASE \(quoteIdentifier(name)) WITH (FORCE)")
            await administrator.close()
        }.value
        return try outcome.get()
    }

    /// Creates a database and lends one connection to it.
    public static func withConnection<Result: Sendable>(
        isolation: isolated (any Actor)? = #isolation,
        _ options: PostgresOptions = PostgresOptions(),
        _ body: (PostgresConnection) async throws -> Result
    ) async throws -> Result {
        try await with { database in
            let connection = try await database.connect(options)
            return try await body(connection)
        }
    }

    /// Opens another connection to the database.
    public func connect(_ options: PostgresOptions = PostgresOptions()) async throws -> PostgresConnection {
        try await PostgresConnection.connect(to: url, options)
    }
}
