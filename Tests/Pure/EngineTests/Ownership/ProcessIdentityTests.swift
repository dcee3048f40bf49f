import Engine
import Testing

@Suite("Process identity")
struct ProcessIdentityTests {
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
