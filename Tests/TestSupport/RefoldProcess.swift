public import Glibc

/// A running `refold`, started by a test: the binary built with the tests, its output kept in files.
public final class RefoldProcess: Sendable {
    /// How a process ended, with all that it wrote.
    public struct Outcome: Sendable, CustomStringConvertible {
        /// The exit code, or minus the signal that ended the process.
        public let code: Int32
        /// Everything on stdout.
        public let output: String
        /// Everything on stderr.
        public let errors: String

        /// All of it, for messages of failed expectations.
        public var description: String { "exit \(code)\nstdout: \(output)\nstderr: \(errors)" }
    }

    /// What a test cannot go on from.
    public struct Failure: Error, CustomStringConvertible {
        /// What was waited for, and what the process wrote meanwhile.
        public let description: String
    }

    /// The process id.
    public let id: pid_t
    private let arguments: [String]
    private let folder: String
    private let end = End()

    /// How the process ended, once that is known: a process can be waited for only once.
    private actor End {
        private var code: Int32?

        func poll(_ id: pid_t) -> Int32? {
            if let code { return code }
            var status: Int32 = 0
            guard waitpid(id, &status, WNOHANG) == id else { return nil }
            let signal = status & 0x7F
            code = signal == 0 ? (status >> 8) & 0xFF : -signal
            return code
        }
    }

    private init(id: pid_t, arguments: [String], folder: String) {
        self.id = id
        self.arguments = arguments
        self.folder = folder
    }

    /// The binary: `REFOLD_TEST_BINARY`, else the one beside the running test bundle.
    public static var binary: String {
        if let given = getenv("REFOLD_TEST_BINARY") { return String(cString: given) }
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &path, path.count)
        let own = String(decoding: path.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return own.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/refold"
    }

    /// Starts `refold`, lends it, and kills it if it still runs when the body returns or throws.
    ///
    /// - Parameters:
    ///   - arguments: the command and its flags.
    ///   - environment: the whole environment of the process; PATH is added.
    public static func with<R>(
        _ arguments: [String],
        environment: [String: String],
        _ body: (RefoldProcess) async throws -> R
    ) async throws -> R {
        let process = try start(arguments, environment: environment)
        let result: R
        do {
            result = try await body(process)
        } catch {
            await process.discard()
            throw error
        }
        await process.discard()
        return result
    }

    /// Runs `refold` to its end.
    public static func run(
        _ arguments: [String],
        environment: [String: String],
        within limit: Duration = .seconds(120)
    ) async throws -> Outcome {
        try await with(arguments, environment: environment) { try await $0.outcome(within: limit) }
    }

    /// Waits for the end of the process.
    ///
    /// - Throws: `Failure` when it still runs after the given time.
    public func outcome(within limit: Duration = .seconds(120)) async throws -> Outcome {
        var code: Int32 = 0
        try await wait(for: "refold \(arguments.joined(separator: " ")) to end", within: limit) {
            guard let found = await self.end.poll(self.id) else { return false }
            code = found
            return true
        }
        return Outcome(code: code, output: read("stdout"), errors: read("stderr"))
    }

    /// Whether the process has not ended yet.
    public var isRunning: Bool {
        get async { await end.poll(id) == nil }
    }

    /// What it has written to stdout so far.
    public var output: String { read("stdout") }

    /// What it has written to stderr so far.
    public var errors: String { read("stderr") }

    /// Sends a signal, such as SIGTERM, SIGSTOP, SIGCONT or SIGKILL.
    public func send(_ signal: Int32) async {
        if await end.poll(id) == nil { kill(id, signal) }
    }

    private func discard() async {
        // SIGKILL ends a stopped process too.
        await send(SIGKILL)
        while await end.poll(id) == nil { try? await Task.sleep(for: .milliseconds(1)) }
        for file in ["stdout", "stderr"] { unlink("\(folder)/\(file)") }
        rmdir(folder)
    }

    private static func start(_ arguments: [String], environment: [String: String]) throws -> RefoldProcess {
        var template = Array("/tmp/refold-process-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure(description: "no temporary folder: errno \(errno)") }
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Threads of libdispatch block most signals, and a child inherits that: it would ignore SIGTERM.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, "\(folder)/stdout", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, "\(folder)/stderr", O_WRONLY | O_CREAT | O_APPEND, 0o600)

        var words: [UnsafeMutablePointer<CChar>?] = ([binary] + arguments).map { strdup($0) } + [nil]
        defer { words.forEach { free($0) } }
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        let settings = environment.merging(["PATH": path]) { given, _ in given }
        var entries: [UnsafeMutablePointer<CChar>?] = settings.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { entries.forEach { free($0) } }
        var id: pid_t = 0
        let code = posix_spawn(&id, binary, &actions, &attributes, &words, &entries)
        guard code == 0 else {
            rmdir(folder)
            throw Failure(description: "\(binary) cannot be started (errno \(code)): build it with --build-tests")
        }
        return RefoldProcess(id: id, arguments: arguments, folder: folder)
    }

    private func read(_ name: String) -> String {
        guard let file = fopen("\(folder)/\(name)", "r") else { return "" }
        defer { fclose(file) }
        var text: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&piece, 1, piece.count, file), count > 0 { text += piece.prefix(count) }
        return String(decoding: text, as: UTF8.self)
    }
}
