internal import BlockingCalls
internal import CPostgres

/// One session with a PostgreSQL server, confined to an executor of its own on which libpq may block.
///
/// **One user at a time.** The methods are synchronous on the connection's executor, so a closure or function with an
/// `isolated PostgresConnection` parameter calls them one after the other without suspension; but whoever awaits
/// something else inside `transaction` lets other tasks' calls in, into the same transaction. Share connections by
/// lending them, never by handing one to two tasks.
///
/// **Values travel in binary, both ways.** Statements that read or change rows are prepared on first use and kept, in
/// the same round trip.
///
/// **Cancelling** the task that awaits a statement asks the server to cancel it, waits for the server's reply, and throws
/// `.cancelled`; the connection stays usable. A cancelled task is refused before a statement is sent, except for what
/// cleans up: ROLLBACK, COMMIT, `cancelCopyOut`, `failCopyIn`.
///
/// After `.connectionLost` the connection is dead. Nothing is repeated behind the caller's back: who knows what is safe
/// to repeat connects anew.
public actor PostgresConnection {
    private let executor: BlockingExecutor

    /// The connection's own executor.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// The process id of the server's backend, as in `pg_stat_activity.pid`. Behind a pooler it means nothing.
    public nonisolated let backendPID: Int32
    /// The server's version as a number: 150018 for 15.18.
    public nonisolated let serverVersion: Int
    /// The server: `host:port`, or the path of its socket. Of several hosts, the one that answered.
    public nonisolated let address: String

    let link: LibpqConnection
    let options: PostgresOptions
    var statements: StatementCache
    var parameters = ParameterBuffer()
    var copy = CopyState.none
    private nonisolated let canceller: Canceller

    /// Connects and applies the session settings.
    ///
    /// - Parameters:
    ///   - url: any libpq URL or keyword/value string, several hosts included. What it leaves out comes from libpq's
    ///     environment variables and defaults.
    ///   - options: how to connect and how the session behaves.
    /// - Throws: `.configuration` for a malformed string, `.connectionFailed` when no host accepts.
    /// - Returns: a connection that nobody else uses.
    public static func connect(
        to url: String,
        _ options: PostgresOptions = PostgresOptions()
    ) async throws(PostgresError) -> PostgresConnection {
        let executor = BlockingExecutor(label: "refold.postgres")
        let connection = PostgresConnection(
            executor: executor,
            link: try await Dialler(executor: executor).dial(url, options),
            options: options
        )
        try await connection.applySettings()
        return connection
    }

    private init(executor: BlockingExecutor, link: sending LibpqConnection, options: PostgresOptions) {
        self.executor = executor
        self.options = options
        backendPID = link.backendPID
        serverVersion = link.serverVersion
        address = link.address
        canceller = link.canceller
        statements = StatementCache(limit: options.preparedStatementLimit)
        self.link = link
    }

    /// Whether statements can be sent: the connection is neither closed nor known to be lost.
    public var isUsable: Bool { link.pointer != nil }

    /// Where the connection stands between transactions, as the server last said.
    public var transactionStatus: TransactionStatus { link.transactionStatus }

    /// Ends the session. Transactions under way are rolled back by the server. Closing twice is allowed.
    public func close() {
        copy = .none
        link.close()
    }

    /// Asks the server to cancel the statement or COPY that is running now, if any, and returns at once.
    ///
    /// May be called from any thread. Whoever awaits the statement gets `.cancelled`, unless it finished first.
    public nonisolated func cancel() {
        canceller.schedule()
    }

    /// Returns when every request that `cancel` scheduled has been made or dropped.
    package nonisolated func waitForCancellation() async {
        await canceller.waitForScheduled()
    }

    /// Marks the beginning of a statement; refused in the middle of a COPY.
    func beginStatement(
        _ operation: @autoclosure () -> String,
        cancellable: Bool = true
    ) throws(PostgresError) -> OpaquePointer {
        guard case .none = copy else { throw misuse(operation(), "a COPY is under way on this connection") }
        return try link.begin(operation(), cancellable: cancellable)
    }

    func misuse(_ operation: String, _ message: String) -> PostgresError {
        PostgresError(.misuse, operation: operation, message: message, address: address)
    }

    private func applySettings() throws(PostgresError) {
        let settings = options.settings.sorted { $0.key < $1.key }
        func statement(_ name: String, _ value: String) -> String {
            "SET SESSION \(name.split(separator: ".").map { quoteIdentifier(String($0)) }.joined(separator: ".")) = "
                + quoteLiteral(value)
        }
        guard !settings.isEmpty else { return }
        do throws(PostgresError) {
            try executeScript(settings.map { statement($0.key, $0.value) }.joined(separator: "; "))
            return
        } catch {
            guard error.code == .server, settings.contains(where: { PostgresOptions.optionalSettings.contains($0.key) })
            else { throw error }
        }
        // One of the optional ones was refused, and the others with it: they are one transaction.
        for (name, value) in settings {
            do throws(PostgresError) {
                try executeScript(statement(name, value))
            } catch  where error.code == .server && PostgresOptions.optionalSettings.contains(name) {
                continue
            }
        }
    }
}

/// Connects on the executor that the connection will have: looking names up and the handshake block.
private actor Dialler {
    private let executor: BlockingExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(executor: BlockingExecutor) {
        self.executor = executor
    }

    func dial(_ url: String, _ options: PostgresOptions) throws(PostgresError) -> sending LibpqConnection {
        try LibpqConnection(url, options)
    }
}
