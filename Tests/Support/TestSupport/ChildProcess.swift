public import Glibc

/// A process that a test started, its output kept in files.
public final class ChildProcess: Sendable {
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
    private let command: [String]
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

    private init(id: pid_t, command: [String], folder: String) {
        self.id = id
        self.command = command
        self.folder = folder
    }

    /// Starts a program, lends the process, and kills it if it still runs when the body returns or throws.
    ///
    /// - Parameters:
    ///   - command: the program, looked for in PATH unless it is a path, and its arguments.
    ///   - environment: the whole environment of the process; PATH is added.
    public static func with<R>(
        _ command: [String],
        environment: [String: String] = [:],
        isolation: isolated (any Actor)? = #isolation,
        _ body: (ChildProcess) async throws -> R
    ) async throws -> R {
        let process = try start(command, environment: environment)
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

    /// Runs a program to its end.
    public static func run(
        _ command: [String],
        environment: [String: String] = [:],
        within limit: Duration = .seconds(120)
    ) async throws -> Outcome {
        try await with(command, environment: environment) { try await $0.outcome(within: limit) }
    }

    /// Waits for the end of the process.
    ///
    /// - Throws: `Failure` when it still runs after the given time.
    public func outcome(within limit: Duration = .seconds(120)) async throws -> Outcome {
        var code: Int32 = 0
        try await wait(for: "the end of \(command.joined(separator: " "))", within: limit) {
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

    /// Kills the process if it still runs, and forgets what it wrote.
    public func discard() async {
        // SIGKILL ends a stopped process too.
        await send(SIGKILL)
        while await end.poll(id) == nil { try? await Task.sleep(for: .milliseconds(1)) }
        for file in ["stdout", "stderr"] { unlink("\(folder)/\(file)") }
        rmdir(folder)
    }

    /// Starts a program; whoever does must call `discard`, which `with` does by itself.
    public static func start(_ command: [String], environment: [String: String] = [:]) throws -> ChildProcess {
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

        // In a folder of its own, so that a ./Config of ours is not taken for the test's; env becomes the program.
        let line = ["env", "--chdir", folder] + command
        var words: [UnsafeMutablePointer<CChar>?] = line.map { strdup($0) } + [nil]
        defer { words.forEach { free($0) } }
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        let settings = environment.merging(["PATH": path]) { given, _ in given }
        var entries: [UnsafeMutablePointer<CChar>?] = settings.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { entries.forEach { free($0) } }
        var id: pid_t = 0
        let code = posix_spawnp(&id, line[0], &actions, &attributes, &words, &entries)
        guard code == 0 else {
            rmdir(folder)
            throw Failure(description: "\(command[0]) cannot be started: errno \(code)")
        }
        return ChildProcess(id: id, command: command, folder: folder)
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
