internal import Glibc

/// A process, told apart from every other one that ever ran.
///
/// The number alone is reused; together with the start time of the process, the boot of its machine and its namespace
/// of process ids it is not.
package struct ProcessIdentity: Sendable, Hashable {
    /// Name of the machine.
    package let host: String
    /// The machine's boot, `/proc/sys/kernel/random/boot_id`; empty where it cannot be read.
    package let boot: String
    /// The namespace that the process id belongs to, such as `pid:[4026531836]`; empty where it cannot be read.
    package let pidNamespace: String
    /// The process id there.
    package let pid: Int32
    /// When the process started, in the kernel's samples since the boot; 0 where it cannot be read.
    package let started: Int64

    package init(host: String, boot: String, pidNamespace: String, pid: Int32, started: Int64) {
        self.host = host
        self.boot = boot
        self.pidNamespace = pidNamespace
        self.pid = pid
        self.started = started
    }

    /// This process.
    package static let current: ProcessIdentity = {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        return ProcessIdentity(
            host: text(of: name),
            boot: contents(of: "/proc/sys/kernel/random/boot_id").map { String($0.prefix { !$0.isNewline }) } ?? "",
            pidNamespace: linkTarget(of: "/proc/self/ns/pid") ?? "",
            pid: getpid(),
            started: startTime(of: getpid()) ?? 0
        )
    }()

    /// Whether the process is known to have ended: it ran on this machine, in the same namespace of process ids, and
    /// its number is now unused or belongs to a process that started at another time.
    package var isKnownToBeDead: Bool {
        let mine = Self.current
        guard !boot.isEmpty, !pidNamespace.isEmpty, boot == mine.boot, pidNamespace == mine.pidNamespace else {
            return false
        }
        if kill(pid, 0) != 0 && errno == ESRCH { return true }
        guard let found = Self.stat(of: pid) else { return false }
        return found.isZombie || (started != 0 && found.started != started)
    }

    private static func startTime(of pid: Int32) -> Int64? { stat(of: pid)?.started }

    /// What `/proc/PID/stat` says (proc(5), fields 3, 20 and 22, counted from after the command's name, which may hold
    /// anything).
    ///
    /// A zombie has ended and is only not reaped yet, which in a container whose first process reaps nothing it never
    /// will be. A process whose first thread alone has ended is shown as a zombie too, with its other threads counted.
    private static func stat(of pid: Int32) -> (isZombie: Bool, started: Int64)? {
        guard let stat = contents(of: "/proc/\(pid)/stat"), let name = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: name)...].split(separator: " ")
        guard fields.count > 19, let threads = Int(fields[17]), let started = Int64(fields[19]) else { return nil }
        return (fields[0] == "Z" && threads <= 1, started)
    }

    private static func contents(of path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(descriptor, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }

    private static func linkTarget(of path: String) -> String? {
        var name = [CChar](repeating: 0, count: 256)
        return readlink(path, &name, name.count - 1) > 0 ? text(of: name) : nil
    }

    private static func text(of name: [CChar]) -> String {
        String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
