public import Logging

/// How a connection is made and how its session behaves.
public struct PostgresOptions: Sendable {
    /// The name shown in `pg_stat_activity`. A name in the connection string wins.
    public var applicationName: String
    /// The time allowed for each host, rounded up to whole seconds, at least 2 s (libpq's minimum). A `connect_timeout`
    /// in the connection string wins.
    public var connectTimeout: Duration
    /// Session settings, applied with SET once connected. Replace or add single entries; the defaults are
    /// `PostgresOptions.defaultSettings`.
    public var settings: [String: String]
    /// Whether statements are prepared once and kept on the server. Must be false behind a pooler that gives each
    /// transaction another server session, such as PgBouncer in transaction mode.
    public var preparesStatements: Bool
    /// How many prepared statements a connection keeps; the least recently used one makes room. At least 1.
    public var preparedStatementLimit: Int
    /// Where the server's notices and warnings go. Without one they are dropped.
    public var logger: Logger?

    /// Creates options; every default is the one that Refold's own sessions use.
    public init(
        applicationName: String = "refold",
        connectTimeout: Duration = .seconds(5),
        settings: [String: String] = PostgresOptions.defaultSettings,
        preparesStatements: Bool = true,
        preparedStatementLimit: Int = 256,
        logger: Logger? = nil
    ) {
        self.applicationName = applicationName
        self.connectTimeout = connectTimeout
        self.settings = settings
        self.preparesStatements = preparesStatements
        self.preparedStatementLimit = max(1, preparedStatementLimit)
        self.logger = logger
    }

    /// UTC and ISO dates, and everything that makes the server notice a vanished client quickly, so that its locks go
    /// away: it looks at the socket every 100 ms while a statement runs, sends TCP keepalives after 10 s of silence, and
    /// ends a transaction that idles for 60 s.
    public static let defaultSettings: [String: String] = [
        "TimeZone": "UTC",
        "DateStyle": "ISO, YMD",
        "client_connection_check_interval": "100ms",
        "idle_in_transaction_session_timeout": "60s",
        "tcp_keepalives_idle": "10",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
    ]

    /// Settings that only some servers know (`client_connection_check_interval`: PostgreSQL 14 on Linux or macOS).
    /// Their refusal is not an error: the session works, it only notices less.
    static let optionalSettings: Set<String> = ["client_connection_check_interval"]
}
