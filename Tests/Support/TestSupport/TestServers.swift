internal import Foundation

/// The servers that tests share: those that environment variables name, else the private ones of `ops/services`.
///
/// The private ones are started by the first test that needs them, as `ops/services start` does it, which takes its turn
/// when several test processes begin at once. They go on running, as they do after `ops/run`.
public enum TestServers {
    /// The PostgreSQL server, as a libpq connection string; its user must be allowed to create databases.
    public static var databaseURL: String {
        get async throws { try await address("REFOLD_TEST_DATABASE_URL", "REFOLD_DATABASE_URL") }
    }

    /// The Redis server, as a URL.
    public static var redisURL: String {
        get async throws { try await address("REFOLD_TEST_REDIS_URL", "REFOLD_REDIS_URL") }
    }

    private static func address(_ given: String, _ started: String) async throws -> String {
        if let address = ProcessInfo.processInfo.environment[given] { return address }
        guard let address = try await privateServers.value[started] else {
            throw MissingServer(description: "ops/services url does not tell \(started)")
        }
        return address
    }

    /// The addresses of the private servers by the names of refold's settings. A task of its own, since all tests wait for
    /// it and none of them may end it.
    private static let privateServers = Task {
        try await services("start")
        let lines = try await services("url").split(separator: "\n").map { $0.split(separator: "=", maxSplits: 1) }
        return Dictionary(uniqueKeysWithValues: lines.map { (String($0[0]), String($0[1])) })
    }

    @discardableResult
    private static func services(_ command: String) async throws -> String {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let outcome = try await ChildProcess.run(
            ["bash", root.appending(path: "ops/services").path, command],
            environment: ProcessInfo.processInfo.environment.filter { $0.key == "REFOLD_SERVICES_DIR" }
                .mapValues { URL(filePath: $0).path },
            within: .seconds(600)
        )
        guard outcome.code == 0 else {
            throw MissingServer(description: "ops/services \(command) failed, \(outcome)")
        }
        return outcome.output
    }
}

/// There is no server for a test, which therefore fails: it is never skipped.
public struct MissingServer: Error, CustomStringConvertible {
    /// What was tried.
    public let description: String
}
