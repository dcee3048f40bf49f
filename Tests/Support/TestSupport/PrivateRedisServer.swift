internal import Glibc
public import Redis
internal import Synchronization

/// A redis-server of one test, on a unix socket in a folder of its own: to be stopped, killed, flushed and restarted
/// without anyone else noticing. It keeps nothing on disk.
public final class PrivateRedisServer: Sendable {
    /// What can go wrong with the process.
    public struct Failure: Error, CustomStringConvertible {
        /// What happened, with the server's log where there is one.
        public let description: String
    }

    /// The URL of its socket.
    public let url: RedisURL
    /// The same as text, for programs that are started by a test.
    public let urlText: String
    private let folder: String
    private let arguments: [String]
    private let process = Mutex<pid_t?>(nil)

    private init(folder: String, arguments: [String]) throws {
        self.folder = folder
        self.arguments = arguments
        urlText = "unix://\(folder)/redis.sock"
        url = try RedisURL(urlText)
    }

    /// Starts a server, lends it, and ends it whether the body returned or threw.
    ///
    /// - Parameter arguments: further options of redis-server, like `["--requirepass", "secret"]`.
    public static func withServer<R>(
        isolation: isolated (any Actor)? = #isolation,
        arguments: [String] = [],
        _ body: (PrivateRedisServer) async throws -> R
    ) async throws -> R {
        var template = Array("/tmp/refold-redis-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure(description: "no temporary folder: errno \(errno)") }
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let server = try PrivateRedisServer(folder: folder, arguments: arguments)
        let result: R
        do {
            try await server.start()
            result = try await body(server)
        } catch {
            server.end()
            throw error
        }
        server.end()
        return result
    }

    /// A connection to the server.
    public func connect(timeouts: RedisTimeouts = RedisTimeouts()) async throws -> RedisConnection {
        try await RedisConnection.connect(to: url, timeouts: timeouts)
    }

    /// Freezes the server: its socket still takes connections and data, but nobody answers.
    public func pause() {
        process.withLock { if let id = $0 { Glibc.kill(id, SIGSTOP) } }
    }

    /// Lets a frozen server go on.
    public func resume() {
        process.withLock { if let id = $0 { Glibc.kill(id, SIGCONT) } }
    }

    /// Ends the process at once, as a crash does, and returns when it is gone.
    public func kill() {
        process.withLock { id in
            guard let running = id else { return }
            Glibc.kill(running, SIGKILL)
            var status: Int32 = 0
            while waitpid(running, &status, 0) == -1, errno == EINTR {}
            id = nil
        }
    }

    /// Starts the server again after `kill`, empty, and returns when it answers.
    public func start() async throws {
        // Left behind by a killed server; it would be taken for the new one's.
        unlink("\(folder)/redis.sock")
        let id = try spawn()
        process.withLock { $0 = id }
        let deadline = ContinuousClock.now + .seconds(20)
        while true {
            do {
                let connection = try await connect(timeouts: RedisTimeouts(command: .seconds(20)))
                await connection.close()
                return
            } catch let error as RedisError {
                // A server that asks for a password, or refuses us otherwise, is up.
                guard error.isTransient else { return }
                guard !hasExited() else { throw Failure(description: "redis-server ended at once\n\(log)") }
                guard ContinuousClock.now < deadline else {
                    throw Failure(description: "redis-server does not answer: \(error)\n\(log)")
                }
                try await Task.sleep(for: .milliseconds(2))
            }
        }
    }

    private func spawn() throws -> pid_t {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Threads of libdispatch block most signals, and a child inherits that: it would ignore SIGTERM.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        let fixed = [
            "redis-server", "--port", "0", "--unixsocket", "\(folder)/redis.sock", "--save", "", "--appendonly", "no",
            "--dir", folder, "--logfile", "\(folder)/log",
        ]
        var words: [UnsafeMutablePointer<CChar>?] = (fixed + arguments).map { strdup($0) } + [nil]
        defer { words.forEach { free($0) } }
        var id: pid_t = 0
        let code = posix_spawnp(&id, "redis-server", nil, &attributes, &words, environ)
        guard code == 0 else { throw Failure(description: "redis-server cannot be started: errno \(code)") }
        return id
    }

    private func hasExited() -> Bool {
        process.withLock { id in
            var status: Int32 = 0
            guard let running = id, waitpid(running, &status, WNOHANG) == running else { return false }
            id = nil
            return true
        }
    }

    private func end() {
        kill()
        for file in ["redis.sock", "log"] {
            unlink("\(folder)/\(file)")
        }
        rmdir(folder)
    }

    private var log: String {
        guard let file = fopen("\(folder)/log", "r") else { return "" }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        return String(decoding: bytes.prefix(fread(&bytes, 1, bytes.count, file)), as: UTF8.self)
    }
}
