internal import BlockingCalls
internal import CPostgres

/// One session with a PostgreSQL server, confined to an executor of its own on which libpq may block.
///
/// **One user at a time.** The methods are synchronous on the connection's executor, so a closure or function with an
/// `isolated PostgresConnection` parameter calls them one after the other without suspension; but awaiting something
/// else inside `transaction` lets other tasks' calls in, into the same transaction. Share connections by lending them,
/// never by handing one to two tasks.
///
/// **Values travel in binary, both ways.** Statements that read or change rows are prepared on first use and kept, in
/// the same round trip.
///
/// **Cancelling** the task that awaits a statement asks the server to cancel it, waits for the server's reply, and throws
/// `.cancelled`; the connection stays usable. A cancelled task is refused before a statement is sent, except for what
/// cleans up: ROLLBACK, COMMIT, `cancelCopyOut`, `failCopyIn`.
///
/// **Behind a pooler** such as PgBouncer (`isPooled`), each transaction may have another server session, so nothing
/// depends on one: statements are not prepared, and the settings go with each transaction, in the same round trip. What
/// a session keeps (SET, LISTEN, session advisory locks, temporary tables without ON COMMIT DROP) must not be used
/// there, and what cannot run in a transaction needs `executeOutsideTransaction`.
///
/// After `.connectionLost` the connection is dead. Nothing is repeated behind the caller's back: a caller that knows
/// what is safe to repeat connects again.
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

    /// Whether there is a pooler in between, shown by a backend whose process id is not the one announced to the
    /// client.
    public nonisolated let isPooled: Bool

    let link: LibpqConnection
    let preparesStatements: Bool
    var settings: SessionSettings
    var statements: StatementCache
    var parameters = ParameterBuffer()
    var copy = CopyState.none
    private nonisolated let canceller: Canceller
    private nonisolated let abortSwitch: AbortSwitch

    /// Connects and applies the session settings.
    ///
    /// Cancelling the task, and `ConnectionRegistry.abortAll`, end the wait at once; an attempt that libpq is making then
    /// still ends by itself.
    ///
    /// - Parameters:
    ///   - url: any libpq URL or keyword/value string, several hosts included. What it leaves out comes from libpq's
    ///     environment variables and defaults.
    ///   - options: how to connect and how the session behaves.
    /// - Throws: `.configuration` for a malformed string, `.connectionFailed` when no host accepts.
    /// - Returns: a connection that nothing else uses.
    public static func connect(
        to url: String,
        _ options: PostgresOptions = PostgresOptions()
    ) async throws(PostgresError) -> PostgresConnection {
        let abortSwitch = AbortSwitch()
        try options.registry?.add(abortSwitch)
        return try await ConnectionAttempt.run(abortSwitch) { () async throws(PostgresError) in
            let executor = BlockingExecutor(label: "refold.postgres")
            let connection: PostgresConnection
            do throws(PostgresError) {
                connection = PostgresConnection(
                    executor: executor,
                    link: try await Dialler(executor: executor).dial(url, options, abortSwitch),
                    options: options
                )
            } catch {
                options.registry?.remove(abortSwitch)
                throw error
            }
            try await connection.applySettings()
            return connection
        }
    }

    private init(executor: BlockingExecutor, link: sending LibpqConnection, options: PostgresOptions) {
        let isPooled = link.isPooled
        self.executor = executor
        self.isPooled = isPooled
        backendPID = link.backendPID
        serverVersion = link.serverVersion
        address = link.address
        canceller = link.canceller
        abortSwitch = link.abortSwitch
        preparesStatements = options.preparesStatements && !isPooled
        statements = StatementCache(limit: options.preparedStatementLimit)
        settings = SessionSettings(options, serverVersion: link.serverVersion, isPooled: isPooled)
        self.link = link
    }

    /// Whether statements can be sent: the connection is neither closed nor known to be lost.
    public var isUsable: Bool { link.pointer != nil }

    /// The connection's state between transactions, as the server last reported.
    public var transactionStatus: TransactionStatus { link.transactionStatus }

    /// Ends the session. Transactions under way are rolled back by the server. Closing twice is allowed.
    public func close() {
        copy = .none
        link.close()
    }

    /// Asks the server to cancel the statement or COPY that is running now, if any, and returns at once.
    ///
    /// May be called from any thread. The call that awaits the statement throws `.cancelled`, unless it finished first.
    public nonisolated func cancel() {
        canceller.schedule()
    }

    /// Ends whatever the connection is doing, at once, without asking the server.
    ///
    /// May be called from any thread and at any time. A call that awaits a statement throws `.connectionLost`; what was
    /// not committed is rolled back by the server as soon as it notices.
    public nonisolated func abort() {
        abortSwitch.abort()
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

    /// Whether what is sent next begins a transaction at a server session of the pooler's choice.
    var needsSettings: Bool { isPooled && link.transactionStatus == .idle }

    private func applySettings() throws(PostgresError) {
        guard !settings.entries.isEmpty else { return }
        do throws(PostgresError) {
            try trySettings(settings.sessionScript)
            return
        } catch {
            guard error.code == .server, settings.entries.contains(where: isOptional) else { throw error }
        }
        // One of the optional ones was refused, and the others with it: they are one transaction.
        for entry in settings.entries {
            do throws(PostgresError) {
                try trySettings(SessionSettings.set("SESSION", entry))
            } catch  where error.code == .server && isOptional(entry) {
                settings.remove(entry.name)
            }
        }
    }

    /// Behind a pooler nothing may stay: there the settings are only tried.
    private func trySettings(_ script: String) throws(PostgresError) {
        try simple(isPooled ? "BEGIN; \(script); ROLLBACK" : script, cancellable: true, withSettings: false)
    }

    private func isOptional(_ entry: (name: String, value: String)) -> Bool {
        PostgresOptions.optionalSettings[entry.name] != nil
    }
}

/// Connects on the executor that the connection will have: looking names up and the handshake block.
private actor Dialler {
    private let executor: BlockingExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(executor: BlockingExecutor) {
        self.executor = executor
    }

    func dial(
        _ url: String,
        _ options: PostgresOptions,
        _ abortSwitch: AbortSwitch
    ) throws(PostgresError) -> sending LibpqConnection {
        let link = try LibpqConnection(url, options, abortSwitch)
        try link.detectPooler()
        return link
    }
}
