internal import Postgres

/// A database of the benchmark on the private server, with cache keys of its own.
struct Database: Sendable {
    let name: String
    let url: String
    /// What points `refold` at it.
    var environment: [String: String] { ["REFOLD_DATABASE_URL": url, "REFOLD_REDIS_PREFIX": name] }

    init(_ name: String, at address: String) throws {
        self.name = name
        url = try ConnectionString(address).replacing(database: name).keywordValueText
    }

    /// Opens a session, lends it, and closes it.
    func withConnection<Result: Sendable>(
        _ body: (PostgresConnection) async throws -> Result
    ) async throws -> Result {
        try await PostgresConnection.with(try await PostgresConnection.connect(to: url), body)
    }

    /// The first value of the first row.
    func integer(_ sql: String, _ parameters: [PostgresValue] = []) async throws -> Int {
        try await withConnection { Int(try await $0.query(sql, parameters).rows[0].int64(0)) }
    }

    /// The first value of the first row.
    func text(_ sql: String) async throws -> String {
        try await withConnection { try await $0.query(sql).rows[0].text(0) }
    }

    /// Statements separated by semicolons, in one transaction.
    func execute(_ script: String) async throws {
        try await withConnection { try await $0.executeScript(script) }
    }

    /// One statement that the server refuses in a transaction.
    func executeAlone(_ statement: String) async throws {
        try await withConnection { try await $0.executeOutsideTransaction(statement) }
    }
}
