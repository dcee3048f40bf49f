import Glibc

/// The servers that integration tests use, named by environment variables.
public enum TestServers {
    /// The PostgreSQL server, as a libpq connection string; its user must be allowed to create databases.
    public static var databaseURL: String {
        get throws { try value(of: "REFOLD_TEST_DATABASE_URL") }
    }

    /// The Redis server, as a URL.
    public static var redisURL: String {
        get throws { try value(of: "REFOLD_TEST_REDIS_URL") }
    }

    private static func value(of variable: String) throws -> String {
        guard let value = getenv(variable) else { throw MissingServer(variable: variable) }
        return String(cString: value)
    }
}

/// No server is configured, so an integration test cannot run; that is a failure, never a reason to skip.
public struct MissingServer: Error, CustomStringConvertible {
    let variable: String

    /// Says what to do.
    public var description: String {
        "\(variable) is not set: run the tests through ops/test, or set it to a server that tests may use"
    }
}
