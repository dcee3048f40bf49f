import Glibc
import Kafka
import Postgres
import Refold
import TestSupport
import Testing

@Suite("A relay loses nothing", .serialized) struct RelayFaultTests {
    /// Appends small transactions until it is cancelled.
    private func write(to site: RelaySite) async throws {
        let url = try #require(site.environment["REFOLD_DATABASE_URL"])
        let connection = try await PostgresConnection.connect(to: url)
        var written = 0
        while !Task.isCancelled, written < 8_000 {
            let count = Int64.random(in: 1...20)
            do {
                try await connection.execute(RelaySite.appending, [.int64(count), .int64(20), .text("thing.happened")])
            } catch {
                // Cancelled in the middle of a statement, which is refused then.
                guard Task.isCancelled else { throw error }
                break
            }
            written += Int(count)
            try? await Task.sleep(for: .milliseconds(5))
        }
        await connection.close()
    }

    @Test("when it is killed at random, fifty times") func kills() async throws {
        try await RelaySite.with { site in
            let writing = Task { try await write(to: site) }
            for _ in 1...50 {
                try await site.running("relay") { relay in
                    // Some are killed before they have begun.
                    if Bool.random() {
                        try await wait(for: "the relay to begin") { relay.errors.contains("relaying") }
                    }
                    try await Task.sleep(for: .milliseconds(Int.random(in: 0...120)))
                    await relay.send(SIGKILL)
                    _ = try await relay.outcome()
                }
            }
            writing.cancel()
            try await writing.value
            try await site.running("relay") { _ in
                try await site.expectWholeLog(try await site.receive(through: site.newest))
            }
            #expect(try await site.number("SELECT epoch FROM refold.relays") > 10)
        }
    }

    @Test("when two run and the active one hangs, is killed, or comes back late") func two() async throws {
        try await RelaySite.with { site in
            let writing = Task { try await write(to: site) }
            func owner() async throws -> Int64 {
                try await site.number(
                    """
                    SELECT coalesce((SELECT o.pid FROM refold.relays r JOIN refold.owners o ON o.id = r.owner), 0)::bigint
                    """
                )
            }
            try await site.running("relay") { first in
                try await wait(for: "the first to send") { try await owner() == Int64(first.id) }
                try await site.running("relay") { second in
                    try await wait(for: "the second to stand by") { second.errors.contains("stands by") }
                    // Also while a session has the row locked, as the owner's has whenever it stores its checkpoint.
                    let oneOff = try await site.whileLocked("refold.relays") {
                        try await site.refold("relay", "--until-caught-up")
                    }
                    #expect(oneOff.code == 75 && oneOff.errors.contains("pid \(first.id)"), "\(oneOff)")
                    await first.send(SIGSTOP)
                    try await wait(for: "the second to take over") { try await owner() == Int64(second.id) }
                    // It goes on in the middle of what it was sending, and finds out at its next checkpoint.
                    await first.send(SIGCONT)
                    try await wait(for: "the first to stand by") { first.errors.contains("has taken over") }
                    await second.send(SIGKILL)
                    try await wait(for: "the first to take over again") { try await owner() == Int64(first.id) }
                }
                writing.cancel()
                try await writing.value
                try await site.expectWholeLog(try await site.receive(through: site.newest))
            }
        }
    }

    @Test("when brokers are away, slow, or refuse records") func brokers() async throws {
        try await RelaySite.with { site in
            let writing = Task { try await write(to: site) }
            try await site.running("relay") { relay in
                try await wait(for: "the relay to begin") { relay.errors.contains("relaying") }
                for _ in 1...3 {
                    try await site.mock.goDown()
                    try await Task.sleep(for: .milliseconds(Int.random(in: 10...300)))
                    try await site.mock.comeUp()
                    try await Task.sleep(for: .milliseconds(Int.random(in: 10...300)))
                }
                // Not enough replicas, not the leader: repeated by the producer itself.
                try await site.mock.command("errors 0 19 6 19 -195")
                try await Task.sleep(for: .milliseconds(200))
                try await site.mock.command("rtt -1 200")
                try await Task.sleep(for: .milliseconds(500))
                try await site.mock.command("rtt -1 0")
                // Invalid records: the queue is purged, and everything begins again at the checkpoint.
                try await site.mock.command("errors 0 87")
                try await wait(for: "the relay to begin again") {
                    relay.errors.contains("begins again at the checkpoint")
                }
                writing.cancel()
                try await writing.value
                try await site.expectWholeLog(try await site.receive(through: site.newest))
            }
            #expect(try await site.number("SELECT epoch FROM refold.relays") >= 2)
        }
    }
}
