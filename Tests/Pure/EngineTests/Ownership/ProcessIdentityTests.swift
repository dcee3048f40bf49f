import Engine
import Glibc
import Testing

@Suite("Process identity")
struct ProcessIdentityTests {
    @Test("a process that has ended counts as dead before anybody has reaped it")
    func unreaped() throws {
        var child: pid_t = 0
        let arguments: [UnsafeMutablePointer<CChar>?] = [strdup("true"), nil]
        defer { free(arguments[0]) }
        try #require(posix_spawn(&child, "/bin/true", nil, nil, arguments, nil) == 0)
        defer { waitpid(child, nil, 0) }
        var info = siginfo_t()
        try #require(waitid(P_PID, id_t(child), &info, WEXITED | WNOWAIT) == 0)

        #expect(identity(pid: child, started: 0).isKnownToBeDead)
    }

    @Test("a living process is told from one that had its number before")
    func started() {
        let mine = ProcessIdentity.current
        #expect(mine.started > 0)
        #expect(!mine.isKnownToBeDead)
        #expect(!identity(pid: mine.pid, started: 0).isKnownToBeDead)
        #expect(identity(pid: mine.pid, started: mine.started - 1).isKnownToBeDead)
    }

    private func identity(pid: Int32, started: Int64) -> ProcessIdentity {
        let mine = ProcessIdentity.current
        return ProcessIdentity(
            host: mine.host,
            boot: mine.boot,
            pidNamespace: mine.pidNamespace,
            pid: pid,
            started: started
        )
    }
}
