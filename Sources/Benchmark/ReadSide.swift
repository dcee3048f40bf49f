internal import Postgres

/// Reading and folding a log, measured: the floors, the rivals, rebuild and tail.
struct ReadSide {
    /// The read models that the set-based SQL makes too.
    static let models = ["user_profiles", "content_popularity", "trending_score"]
    /// Those that know nothing of viewing sessions.
    static let modelsWithoutSessions = models + ["account_balances", "daily_totals"]
    /// Of trending_score, in seconds: the default.
    private static let halfLife = 86_400

    private let workplace: Workplace
    private let server: Database

    init(_ workplace: Workplace, _ server: Database) {
        self.workplace = workplace
        self.server = server
    }

    /// What reading alone takes: an ordered binary COPY of the columns that are needed, to nowhere.
    func floor(_ database: Database) async throws -> Usage {
        let copy = """
            COPY (SELECT global_position, event_type, event_data, "timestamp" FROM events ORDER BY global_position) \
            TO STDOUT (FORMAT binary)
            """
        return try await measure(workplace.psql(database, ["--output", "/dev/null", "-c", copy]))
    }

    /// The three read models by SQL alone.
    func setBased(_ database: Database) async throws -> Usage {
        let script = try workplace.file("set-based.sql", PackageResources.set_based_sql)
        return try await measure(
            workplace.psql(
                database,
                ["--set", "schema=set_based", "--set", "half_life=\(Self.halfLife)", "-f", script]
            )
        )
    }

    /// - Parameter models: none for all that there are.
    func rebuild(
        _ models: [String] = Self.models,
        in database: Database,
        memoryBudget: String? = nil
    ) async throws -> Usage {
        var environment = database.environment
        environment["REFOLD_ENGINE_MEMORY_BUDGET"] = memoryBudget
        return try await measure([workplace.refold, "rebuild"] + models + ["--fresh", "--quiet"], environment)
    }

    /// Tailing from an empty read model until it has everything.
    func catchUp(_ database: Database) async throws -> Usage {
        for model in Self.models {
            try await workplace.run([workplace.refold, "reset", model, "--yes"], environment: database.environment)
        }
        return try await measure(
            [workplace.refold, "tail"] + Self.models + ["--until-caught-up", "--quiet"],
            database.environment
        )
    }

    /// One line that changes with any byte of the three views' columns.
    func fingerprint(_ database: Database) async throws -> String {
        try await database.text(String(decoding: PackageResources.fingerprint_sql, as: UTF8.self))
    }

    /// Where the rebuilt rows differ from those of the set-based SQL.
    func differences(_ database: Database) async throws -> [String] {
        try await database.withConnection { connection in
            try await connection.executeScript(String(decoding: PackageResources.near_sql, as: UTF8.self))
            let rows = try await connection.query(String(decoding: PackageResources.compare_sql, as: UTF8.self)).rows
            return try rows.filter { try $0.int64(1) != 0 }.map { row in
                "\(try row.int64(1)) rows of \(try row.text(0)) differ from the set-based SQL's"
            }
        }
    }

    private func measure(_ command: [String], _ environment: [String: String] = [:]) async throws -> Usage {
        try await server.checkpoint()
        return try await workplace.measure(command, environment: environment)
    }
}

extension Database {
    /// So that no measurement pays for what the one before left behind.
    func checkpoint() async throws { try await execute("CHECKPOINT") }
}
