import Engine
import Glibc
import Testing

@Suite("A process that has ended")
struct EndedProcessTests {
    @Test("counts as dead before anybody has reaped it")
    func unreaped() throws {
        var child: pid_t = 0
        let arguments: [UnsafeMutablePointer<CChar>?] = [strdup("true"), nil]
        defer { free(arguments[0]) }
        try #require(posix_spawn(&child, "/bin/true", nil, nil, arguments, nil) == 0)
        defer { waitpid(child, nil, 0) }
        var info = siginfo_t()
        try #require(waitid(P_PID, id_t(child), &info, WEXITED | WNOWAIT) == 0)

        let mine = ProcessIdentity.current
        let ended = ProcessIdentity(
            host: mine.host,
            boot: mine.boot,
            pidNamespace: mine.pidNamespace,
            pid: child,
            started: 0
        )
        #expect(ended.isKnownToBeDead)
    }
}
