internal import Dispatch
internal import Foundation

/// A running program, whose output is kept in files.
struct Program: Sendable {
    let id: pid_t
    private let files: (output: String, errors: String)

    /// - Parameter command: the program, looked for in PATH unless it is a path, and its arguments.
    init(_ command: [String], environment: [String: String], output: String, errors: String) throws {
        files = (output, errors)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // Threads of libdispatch block most signals, and a child inherits that: pgbench would never see its alarm.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        let settings = ProcessInfo.processInfo.environment.merging(environment) { _, given in given }
        var words = command.map { strdup($0) } + [nil]
        defer { words.forEach { free($0) } }
        var entries = settings.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { entries.forEach { free($0) } }
        var id: pid_t = 0
        let code = posix_spawnp(&id, command[0], &actions, &attributes, &words, &entries)
        guard code == 0 else {
            throw Failure(description: "\(command[0]) cannot be started: \(String(cString: strerror(code)))")
        }
        self.id = id
        Interruption.began(id)
    }

    /// Waits until it ends; must be called once. Its exit code, or minus the signal that ended it.
    func end() async -> Int32 {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                var status: Int32 = 0
                while waitpid(id, &status, 0) == -1, errno == EINTR {}
                Interruption.ended(id)
                let signal = status & 0x7F
                continuation.resume(returning: signal == 0 ? (status >> 8) & 0xFF : -signal)
            }
        }
    }

    /// Whether it has not ended yet, as long as nobody waits for its end.
    var isRunning: Bool {
        var info = siginfo_t()
        return waitid(P_PID, id_t(id), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_signo == 0
    }

    /// The peak of its memory so far.
    func peakMebibytes() throws -> Int {
        let text = try Machine.value(of: "VmHWM", in: "/proc/\(id)/status") ?? ""
        return Int((text.split(separator: " ").first.flatMap { Double($0) } ?? 0) / 1024 + 0.5)
    }

    var output: String { (try? String(contentsOfFile: files.output, encoding: .utf8)) ?? "" }

    /// What it said last, for a message.
    var lastLines: String {
        let errors = (try? String(contentsOfFile: files.errors, encoding: .utf8)) ?? ""
        return (output.split(separator: "\n").suffix(20) + errors.split(separator: "\n").suffix(20))
            .joined(separator: "\n")
    }
}
