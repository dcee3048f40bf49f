internal import BlockingCalls
public import Logging

/// One connection to one Redis server, on a serial executor of its own, so that waiting for the server blocks no one
/// else. Calls run one after the other, in the order in which they arrive.
///
/// Everything that breaks the pairing of commands and replies (a lost connection, a timeout, a peer that speaks
/// something else) closes it; callers then connect again, since only they know what is safe to repeat. Commands that
/// change the pairing, such as `SUBSCRIBE`, `MONITOR` and `CLIENT REPLY`, must not be sent. A call does not notice that
/// its task is cancelled; `RedisTimeouts` bound how long it waits.
public actor RedisConnection {
    private let executor = BlockingExecutor(label: "refold.redis")

    /// The connection's own queue.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// The server, as `host:port` or the path of a socket.
    public nonisolated let address: String
    /// How long the connection waits.
    public nonisolated let timeouts: RedisTimeouts

    private let logger: Logger
    private var link: HiredisLink?
    /// Why there is no link.
    private var closing: (code: RedisError.Code, reason: String) = (.misuse, "it was never opened")

    private init(address: String, timeouts: RedisTimeouts, logger: Logger) {
        self.address = address
        self.timeouts = timeouts
        self.logger = logger
    }

    /// Connects, logs in, selects the database and tells the server the client's name.
    ///
    /// - Parameters:
    ///   - url: the server.
    ///   - timeouts: how long to wait for the connection and for each reply.
    ///   - clientName: what `CLIENT LIST` shows; without spaces. A server that forbids the command is no obstacle.
    ///   - logger: gets a debug message when the connection opens and closes.
    /// - Throws: `connectionFailed`, `authenticationFailed`, `databaseRefused`, or what any command throws.
    public static func connect(
        to url: RedisURL,
        timeouts: RedisTimeouts = RedisTimeouts(),
        clientName: String = "refold",
        logger: Logger = Logger(label: "refold.redis") { _ in SwiftLogNoOpLogHandler() }
    ) async throws(RedisError) -> RedisConnection {
        let connection = RedisConnection(address: url.address, timeouts: timeouts, logger: logger)
        try await connection.open(url, clientName: clientName)
        return connection
    }

    /// Whether commands can be sent. That the server has closed it is found by the next command.
    public var isUsable: Bool { link != nil }

    /// Sends one command and waits for its reply.
    ///
    /// - Throws: a refusal by the server as `reply(code)`, and whatever ends the connection.
    @discardableResult
    public func send(_ command: RedisCommand) throws(RedisError) -> RedisReply {
        let reply = try exchange([command], operation: command.name)[0]
        if case .error(let refusal) = reply { throw self.refusal(refusal, operation: command.name) }
        return reply
    }

    /// Sends one command, given by its name and arguments, and waits for its reply.
    ///
    /// - Throws: as `send(_:)` for a command.
    @discardableResult
    public func send(_ name: StaticString, _ arguments: RedisArgument...) throws(RedisError) -> RedisReply {
        try send(RedisCommand(name, arguments))
    }

    /// Sends many commands without waiting in between, and waits for all replies.
    ///
    /// A pipeline is not a transaction: other clients' commands may run in between, and when the connection breaks, any
    /// number of the first commands has run. Its length is limited by the memory for commands and replies alone.
    ///
    /// - Returns: one reply per command, in order; refusals are `RedisReply.error` in their command's place.
    /// - Throws: whatever ends the connection; the replies that had come are then lost.
    public func pipeline(_ commands: [RedisCommand]) throws(RedisError) -> [RedisReply] {
        try exchange(commands, operation: "a pipeline of \(commands.count) commands")
    }

    /// Closes the connection. Further calls throw `misuse`; closing again does nothing.
    public func close() {
        guard link != nil else { return }
        close(because: .misuse, "the connection was closed")
    }

    /// An error that names this connection.
    func error(_ code: RedisError.Code, operation: String, _ message: String) -> RedisError {
        RedisError(code, operation: operation, address: address, message: message)
    }

    /// The error for a command that the server refused.
    func refusal(_ refusal: RedisReplyError, operation: String) -> RedisError {
        error(.reply(refusal.code), operation: operation, refusal.message)
    }

    /// Says that calls are repeated because the server did not have their scripts.
    func noteMissingScripts() {
        logger.info("Redis lacks a script: loading it and calling again", metadata: ["redis_address": "\(address)"])
    }
}

// Opening and closing.
extension RedisConnection {
    private func open(_ url: RedisURL, clientName: String) throws(RedisError) {
        executor.checkIsolated()
        do throws(HiredisLink.Failure) {
            link = try HiredisLink.connect(to: url.endpoint, timeout: timeouts.connect)
        } catch {
            switch error {
            case .lost(let reason), .outOfStep(let reason):
                throw self.error(.connectionFailed, operation: "connecting", reason)
            case .timedOut:
                throw self.error(.connectionFailed, operation: "connecting", "no answer in \(timeouts.connect)")
            }
        }
        do throws(RedisError) {
            try logIn(url, clientName: clientName)
        } catch {
            link = nil
            throw error
        }
        logger.debug("connected to Redis", metadata: ["redis_address": "\(address)"])
    }

    private func logIn(_ url: RedisURL, clientName: String) throws(RedisError) {
        if let password = url.password {
            var command = RedisCommand("AUTH")
            if let user = url.user { command.append(user) }
            command.append(password)
            if let refusal = try exchange([command], operation: "AUTH")[0].error {
                throw authenticationFailed(refusal)
            }
        }
        // Always sent, so that connecting needs an answer: a stopped server's socket still accepts connections.
        let naming = RedisCommand("CLIENT", "SETNAME", .text(clientName))
        if let refusal = try exchange([naming], operation: "CLIENT SETNAME")[0].error {
            switch refusal.code {
            case "NOAUTH": throw authenticationFailed(refusal)
            case "NOPERM": break
            default: throw error(.connectionFailed, operation: "connecting", "\(refusal)")
            }
        }
        if url.database != 0 {
            let selecting = RedisCommand("SELECT", .integer(Int64(url.database)))
            if let refusal = try exchange([selecting], operation: "SELECT")[0].error {
                throw error(.databaseRefused, operation: "SELECT \(url.database)", "\(refusal)")
            }
        }
    }

    private func authenticationFailed(_ refusal: RedisReplyError) -> RedisError {
        error(.authenticationFailed, operation: "AUTH", "\(refusal)")
    }

    private func close(because code: RedisError.Code, _ reason: String) {
        link = nil
        closing = (code, reason)
        logger.debug(
            "the connection to Redis is closed",
            metadata: ["redis_address": "\(address)", "reason": "\(reason)"]
        )
    }

    private func exchange(_ commands: [RedisCommand], operation: String) throws(RedisError) -> [RedisReply] {
        executor.checkIsolated()
        guard let link else { throw error(closing.code, operation: operation, closing.reason) }
        do throws(HiredisLink.Failure) {
            return try link.exchange(commands, timeout: timeouts.command)
        } catch {
            let (code, reason): (RedisError.Code, String) =
                switch error {
                case .lost(let reason): (.connectionLost, reason)
                case .timedOut:
                    (
                        .timedOut,
                        "no answer in \(timeouts.command); the connection is closed, as a late answer would be misread"
                    )
                case .outOfStep(let reason): (.protocolViolation, reason)
                }
            close(because: .connectionLost, "the connection had been closed: \(reason)")
            throw self.error(code, operation: operation, reason)
        }
    }
}
