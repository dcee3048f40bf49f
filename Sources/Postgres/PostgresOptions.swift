public import Logging

/// How a connection is made and how its session behaves.
public struct PostgresOptions: Sendable {
    /// The name shown in `pg_stat_activity`. A name in the connection string wins.
    public var applicationName: String
    /// The time allowed for each host, rounded up to whole seconds, at least 2 s (libpq's minimum). A `connect_timeout`
    /// in the connection string wins.
    public var connectTimeout: Duration
    /// Session settings, applied with SET once connected, and behind a pooler for each transaction. Replace or add single
    /// entries; the defaults are `PostgresOptions.defaultSettings`.
    public var settings: [String: String]
    /// Whether statements are prepared once and kept on the server. Behind a pooler that is recognised
    /// (`PostgresConnection.isPooled`) they never are.
    public var preparesStatements: Bool
    /// How many prepared statements a connection keeps; the least recently used one makes room. At least 1.
    public var preparedStatementLimit: Int
    /// Where the server's notices and warnings go. Without one they are dropped.
    public var logger: Logger?
    /// The registry through which the connection can be ended together with others, from its first attempt to connect.
    public var registry: ConnectionRegistry?

    /// Creates options; every default is the one that Refold's own sessions use.
    public init(
        applicationName: String = "refold",
        connectTimeout: Duration = .seconds(5),
        settings: [String: String] = PostgresOptions.defaultSettings,
        preparesStatements: Bool = true,
        preparedStatementLimit: Int = 256,
        logger: Logger? = nil,
        registry: ConnectionRegistry? = nil
    ) {
        self.applicationName = applicationName
        self.connectTimeout = connectTimeout
        self.settings = settings
        self.preparesStatements = preparesStatements
        self.preparedStatementLimit = max(1, preparedStatementLimit)
        self.logger = logger
        self.registry = registry
    }

    /// UTC and ISO dates; no time limit that a role's or a database's settings may have for other uses, and commits
    /// that are flushed unless a transaction says otherwise; and everything that makes the server notice a vanished
    /// client quickly, so that its locks go away: it looks at the socket every 100 ms while a statement runs, sends TCP
    /// keepalives after 10 s of silence, gives up on data not acknowledged for 15 s, and ends a transaction that idles
    /// for 60 s.
    public static let defaultSettings: [String: String] = [
        "TimeZone": "UTC",
        "DateStyle": "ISO, YMD",
        "statement_timeout": "0",
        "lock_timeout": "0",
        "transaction_timeout": "0",
        "idle_in_transaction_session_timeout": "60s",
        "idle_session_timeout": "0",
        "synchronous_commit": "on",
        "client_connection_check_interval": "100ms",
        "tcp_keepalives_idle": "10",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
        "tcp_user_timeout": "15s",
    ]

    /// Settings that only some servers know, with the first version that does; older ones are not asked. Their refusal is
    /// not an error (`client_connection_check_interval` needs Linux or macOS): the session works, it only notices less.
    static let optionalSettings: [String: Int] = [
        "client_connection_check_interval": 140_000,
        "idle_session_timeout": 140_000,
        "transaction_timeout": 170_000,
    ]

    /// Settings that concern only the server and a pooler.
    static let settingsOfSessions: Set<String> = [
        "idle_session_timeout", "tcp_keepalives_count", "tcp_keepalives_idle", "tcp_keepalives_interval",
        "tcp_user_timeout",
    ]
}
