import BankingDomain
import Glibc
import Refold
import TestSupport
import WriteSimulation

/// A process that writes to bank accounts until it is killed, and says on stdout what it knows.
///
///     TestWriter URL NAME SEED ACCOUNT…
@main
enum TestWriter {
    static func main() async throws {
        let words = CommandLine.arguments
        guard words.count > 4, let seed = UInt64(words[3]) else {
            say("usage: TestWriter URL NAME SEED ACCOUNT…", to: 2)
            exit(64)
        }
        let writer = SimulatedWriter<AccountDecision>(
            url: words[1],
            name: words[2],
            ids: Array(words[4...]),
            upcasters: Upcasters(Upcaster.banking)
        )
        try await writer.run(decisions: .max, seed: seed) { report in
            say(report.line, to: 1)
        }
    }

    /// Writes a line at once, so that none is half written when the process is killed.
    private static func say(_ line: String, to descriptor: Int32) {
        let bytes = Array((line + "\n").utf8)
        _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    }
}
