import Postgres
import TestSupport
import Testing

@Suite("A request to cancel that nobody answers")
struct UnansweredCancelTests {
    @Test("holds up the statement's end for a few seconds at most, after which the connection is given up")
    func statement() async throws {
        try await TestDatabase.with { database in
            let relay = try SilencedRelay(to: database.url, answering: 1)
            defer { relay.close() }
            let connection = try await PostgresConnection.connect(to: relay.relayedURL)
            let statement = Task { try await connection.query("SELECT pg_sleep(1)") }
            let start = ContinuousClock.now
            try await wait(for: "the request") {
                connection.cancel()
                return relay.unansweredCount > 0
            }
            // It was not cancelled, and says so by its result.
            #expect(try await statement.value.count == 1)
            #expect(ContinuousClock.now - start < .seconds(15))
            let error = await #expect(throws: PostgresError.self) { try await connection.query("SELECT 1") }
            #expect(error?.code == .connectionLost)
            #expect(error?.message.contains("did not answer a request to cancel") == true)
        }
    }

    @Test("loses a COPY out that is given up, after a few seconds")
    func copyOut() async throws {
        try await TestDatabase.with { database in
            let relay = try SilencedRelay(to: database.url, answering: 1)
            defer { relay.close() }
            let connection = try await PostgresConnection.connect(to: relay.relayedURL)
            try await connection.beginCopyOut(
                "COPY (SELECT generate_series(1, 1000000000)) TO STDOUT (FORMAT binary)"
            )
            let start = ContinuousClock.now
            let error = await #expect(throws: PostgresError.self) { try await connection.cancelCopyOut() }
            #expect(error?.code == .connectionLost, "\(String(describing: error))")
            #expect(ContinuousClock.now - start < .seconds(15))
            #expect(await !connection.isUsable)
        }
    }
}
