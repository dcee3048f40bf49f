internal import CPostgres
internal import Dispatch
internal import Glibc

/// The owner of one `PGconn`, always in non-blocking mode: sends, waits, and turns libpq's failures into errors.
///
/// Confined to the executor of the `PostgresConnection` that holds it. The `PGconn` is finished exactly once: when the
/// connection is found dead, by `close`, or by `deinit`.
final class LibpqConnection {
    /// Nil once closed.
    private(set) var pointer: OpaquePointer?
    let canceller: Canceller
    let abortSwitch: AbortSwitch
    let address: String
    /// Whether there is a pooler in between; false until `detectPooler`.
    private(set) var isPooled = false
    private let registry: ConnectionRegistry?
    private let applicationName: String
    private let silence = Silence()
    private var isInStatement = false
    private var isSilent = false
    /// Why `pointer` is nil.
    private var endReason = "the connection is closed"
    /// Whether the present wait has asked the server to cancel because the task was cancelled.
    private var hasReactedToCancellation = false
    /// Decrypted bytes inside the TLS library do not show on the socket, so waits begin short and grow.
    private let readsAhead: Bool
    private var fruitlessWaits: Int32 = 0
    /// Kept alive for the notice receiver, which holds an unretained pointer to it.
    private let notices: NoticeSink?

    static let abortReason = "the connection was ended from this side"
    /// How long a wait lasts before it checks whether its task was cancelled.
    private static let cancellationCheckMilliseconds: Int32 = 50

    /// Connects, on the calling thread.
    ///
    /// - Parameter abortSwitch: gets the socket; it is taken out of the options' registry when the connection is closed.
    init(_ text: String, _ options: PostgresOptions, _ abortSwitch: AbortSwitch) throws(PostgresError) {
        let parsed = try ConnectionString(text)
        let (seconds, attoseconds) = options.connectTimeout.components
        let timeout = max(2, attoseconds > 0 ? seconds + 1 : seconds)
        // Entries before dbname are defaults for what the string does not state; the one after it overrides.
        let entries = [
            ("fallback_application_name", options.applicationName),
            ("connect_timeout", String(timeout)),
            ("keepalives_idle", "10"), ("keepalives_interval", "5"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "15000"),
            ("dbname", text),
            ("client_encoding", "UTF8"),
        ]
        let connection = Self.withCStrings(entries.map(\.0)) { keywords in
            Self.withCStrings(entries.map(\.1)) { values in PQconnectdbParams(keywords, values, 1) }
        }
        guard let connection else {
            throw PostgresError(.connectionFailed, operation: "connect", message: "out of memory")
        }
        if let error = Self.refusal(of: connection, parsed) {
            PQfinish(connection)
            throw error
        }
        guard abortSwitch.watch(PQsocket(connection)) else {
            PQfinish(connection)
            throw PostgresError(.connectionFailed, operation: "connect", message: "no file descriptor is left")
        }
        pointer = connection
        self.abortSwitch = abortSwitch
        registry = options.registry
        applicationName = options.applicationName
        address = Self.address(of: connection)
        canceller = Canceller(connection: connection)
        readsAhead = PQsslInUse(connection) == 1 || PQgssEncInUse(connection) == 1
        notices = options.logger.map { NoticeSink(logger: $0) }
        // Installed even without a sink: libpq's default prints to stderr.
        PQsetNoticeReceiver(connection, receiveNotice, notices.map { Unmanaged.passUnretained($0).toOpaque() })
    }

    deinit {
        close()
    }

    /// Asks the backend that answers for its process id: a pooler gives its clients one that it made up.
    func detectPooler() throws(PostgresError) {
        let operation = "connect"
        let pointer = try begin(operation)
        guard PQsendQueryParams(pointer, "SELECT pg_backend_pid()", 0, nil, nil, nil, nil, 1) == 1 else {
            throw failure(operation)
        }
        isPooled = try finishStatement(operation).int32(0, 0) != backendPID
        registry?.opened(abortSwitch, applicationName, backendPID: isPooled ? nil : backendPID, silence)
    }

    /// Takes leave of the server and frees everything. Later uses throw `.connectionLost`.
    func close(because reason: String = "the connection is closed") {
        guard let pointer else { return }
        self.pointer = nil
        endReason = reason
        canceller.abandon()
        PQfinish(pointer)
        abortSwitch.release()
        registry?.remove(abortSwitch)
    }

    /// The connection, or the reason why there is none.
    func open(_ operation: @autoclosure () -> String) throws(PostgresError) -> OpaquePointer {
        guard let pointer else {
            throw PostgresError(.connectionLost, operation: operation(), message: endReason, address: address)
        }
        return pointer
    }

    /// Marks the beginning of a statement, which `end` must follow.
    ///
    /// - Parameter cancellable: whether a cancelled task is refused here; statements that clean up are not.
    func begin(_ operation: @autoclosure () -> String, cancellable: Bool = true) throws(PostgresError) -> OpaquePointer
    {
        let pointer = try open(operation())
        if cancellable && Task.isCancelled {
            throw PostgresError(
                .cancelled,
                operation: operation(),
                message: "the task was cancelled before the statement was sent",
                address: address
            )
        }
        hasReactedToCancellation = false
        isInStatement = true
        canceller.begin()
        return pointer
    }

    /// Marks the end of a statement. Closes the connection when a request to cancel it is still in flight: it would hit
    /// the next one.
    ///
    /// - Returns: whether its cancellation was requested from here.
    @discardableResult
    func end() -> Bool {
        isInStatement = false
        hears()
        switch canceller.end() {
        case .notRequested: return false
        case .requested: return true
        case .unanswered:
            close(because: "the server did not answer a request to cancel, so the connection was given up")
            return true
        }
    }

    /// Asks the server to cancel the running statement and waits until the request has arrived. When the server does
    /// not answer, the connection is cut: the next read finds it lost.
    func cancelNow() {
        if !canceller.send() { abortSwitch.cut() }
    }

    /// Sends everything that is queued, reading meanwhile so that a server blocked on its replies can continue.
    func flush(_ pointer: OpaquePointer, cancellable: Bool = true) {
        while PQflush(pointer) == 1 {
            wait(pointer, for: POLLIN | POLLOUT, cancellable: cancellable)
            // A failure is reported by the next PQgetResult, together with what the server said before it.
            if PQconsumeInput(pointer) == 0 { return }
        }
    }

    /// The next result, or nil at the end of a statement's results. Waits for it without blocking in libpq, so that a
    /// cancelled task is noticed.
    func nextResult(_ pointer: OpaquePointer, cancellable: Bool = true) -> OpaquePointer? {
        while PQisBusy(pointer) == 1 {
            wait(pointer, for: POLLIN, cancellable: cancellable)
            // On failure PQgetResult does not block: it returns the server's last words or libpq's.
            if PQconsumeInput(pointer) == 0 { break }
        }
        return PQgetResult(pointer)
    }

    /// Waits until the socket is ready or a moment has passed; callers loop. Notices a cancelled task.
    private func wait(
        _ pointer: OpaquePointer,
        for events: Int32,
        cancellable: Bool,
        milliseconds: Int32 = cancellationCheckMilliseconds
    ) {
        var descriptor = pollfd(fd: PQsocket(pointer), events: Int16(events), revents: 0)
        // A closed socket is for libpq to report.
        guard descriptor.fd >= 0 else { return }
        let limit = min(milliseconds, Self.cancellationCheckMilliseconds)
        let ready = poll(&descriptor, 1, readsAhead ? min(limit, 1 << min(fruitlessWaits, 8)) : limit)
        fruitlessWaits = ready > 0 ? 0 : fruitlessWaits + 1
        if ready > 0 { hears() } else if isInStatement { hearsNothing() }
        if ready <= 0 && cancellable { noticeCancellation() }
    }

    private func hears() {
        guard isSilent else { return }
        isSilent = false
        silence.end()
    }

    private func hearsNothing() {
        guard !isSilent else { return }
        isSilent = true
        silence.begin()
    }

    /// Asks the server, once per statement, to cancel it when the task is cancelled.
    func noticeCancellation() {
        guard !hasReactedToCancellation && Task.isCancelled else { return }
        hasReactedToCancellation = true
        canceller.schedule()
    }

    /// Waits until there is something to read or a moment has passed.
    ///
    /// - Parameter limit: the longest wait, rounded up to milliseconds.
    func waitToRead(_ pointer: OpaquePointer, cancellable: Bool, for limit: Duration = .seconds(1)) {
        let milliseconds = Int32(min(.seconds(1), limit) / .milliseconds(1)) + 1
        wait(pointer, for: POLLIN, cancellable: cancellable, milliseconds: milliseconds)
    }

    /// The error of a libpq call that failed without a result. Closes the connection: after such a failure it is
    /// unknown what the server has received.
    func failure(_ operation: String) -> PostgresError {
        let message =
            abortSwitch.wasAborted ? Self.abortReason : pointer.map { PostgresError.message(of: $0) } ?? endReason
        close(because: message)
        return PostgresError(.connectionLost, operation: operation, message: message, address: address)
    }

    private static func address(of connection: OpaquePointer) -> String {
        ConnectionString.address(
            host: PQhost(connection).map { String(cString: $0) } ?? "",
            port: PQport(connection).map { String(cString: $0) } ?? ""
        )
    }

    /// Why a connection attempt failed, or nil when it succeeded.
    ///
    /// libpq gives the SQLSTATE of a refusal only in verbose messages, and callers must tell a wrong password from a
    /// server that is starting up, in any language. So when the server has answered with a refusal (libpq writes two
    /// spaces after its severity), it is asked again, verbosely; should it accept now, all the better.
    private static func refusal(of connection: OpaquePointer, _ parsed: ConnectionString) -> PostgresError? {
        var error = PostgresError(.connectionFailed, operation: "connect", message: "", address: parsed.address)
        if PQstatus(connection) != CONNECTION_OK {
            error.message = PostgresError.message(of: connection)
            guard error.message.contains(":  ") else { return error }
            PQsetErrorVerbosity(connection, PQERRORS_VERBOSE)
            PQreset(connection)
            PQsetErrorVerbosity(connection, PQERRORS_DEFAULT)
            guard PQstatus(connection) == CONNECTION_OK else {
                error.sqlState = sqlState(inVerboseMessage: PostgresError.message(of: connection))
                return error
            }
        }
        guard PQsetnonblocking(connection, 1) == 0 else {
            error.message = PostgresError.message(of: connection)
            return error
        }
        return nil
    }

    /// The five characters between the severity and the message: `FATAL:  28P01: password …`.
    private static func sqlState(inVerboseMessage message: String) -> SQLState? {
        guard let start = message.firstRange(of: ":  ")?.upperBound else { return nil }
        let state = message[start...].prefix { $0.isASCII && ($0.isUppercase || $0.isNumber) }
        return state.utf8.count == 5 ? SQLState(String(state)) : nil
    }

    /// Lends a NULL-terminated array of C strings.
    private static func withCStrings<Result>(
        _ strings: [String],
        _ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> Result
    ) -> Result {
        let copies = strings.map { strdup($0) }
        defer { copies.forEach { free($0) } }
        let pointers = copies.map { UnsafePointer($0) } + [nil]
        return pointers.withUnsafeBufferPointer { body($0.baseAddress) }
    }
}
