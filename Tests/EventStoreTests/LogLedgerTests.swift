import EventStore
import Postgres
import Refold
import TestSupport
import Testing

@Suite("The same log or another")
struct LogLedgerTests {
    @Test("A log that was never read has mark 0; a stored mark is found again and never lowered")
    func stored() async throws {
        try await TestStore.with { store in
            let found = try await store.inspect()
            #expect(try await LogLedger.verify(store.connection, found) == 0)
            try await store.connection.executeScript("\(store.insert) FROM generate_series(1, 20)")
            for mark: GlobalPosition in [15, 12] {
                _ = try await store.connection.pipeline([LogLedger.storing(mark, of: found)])
            }
            #expect(try await LogLedger.verify(store.connection, found) == 15)
        }
    }

    @Test("A sequence set back is refused with the remedy, at a start and while reading")
    func setBack() async throws {
        try await TestStore.with { store in
            try await store.connection.executeScript("\(store.insert) FROM generate_series(1, 20)")
            let found = try await store.inspect()
            let probe = try await store.probe()
            #expect(try await probe.tick().mark == 20)
            _ = try await store.connection.pipeline([LogLedger.storing(20, of: found)])

            try await store.connection.executeScript("SELECT setval('\(store.sequence)', 19)")
            let running = await #expect(throws: EventStoreError.self) { try await probe.tick() }
            #expect(running?.code == .logShrank)
            let starting = await #expect(throws: EventStoreError.self) {
                try await LogLedger.verify(store.connection, found)
            }
            #expect(starting?.code == .logShrank)
            #expect(starting?.message.contains("19") == true)
            #expect(starting?.remedy != nil)

            try await store.connection.executeScript("TRUNCATE \(store.events) RESTART IDENTITY")
            let emptied = await #expect(throws: EventStoreError.self) {
                try await LogLedger.verify(store.connection, try await store.inspect())
            }
            #expect(emptied?.code == .logShrank)
            _ = try await store.connection.pipeline([LogLedger.adopting(0, of: found)])
            #expect(try await LogLedger.verify(store.connection, found) == 0)
        }
    }

    @Test("A log on another server or timeline is refused until it is adopted")
    func other() async throws {
        try await TestStore.with { store in
            let found = try await store.inspect()
            _ = try await store.connection.pipeline([LogLedger.storing(0, of: found)])
            for change in ["system_identifier = 5", "system_identifier = NULL, timeline = 77"] {
                try await store.connection.executeScript("UPDATE refold.logs SET \(change)")
                let error = await #expect(throws: EventStoreError.self) {
                    try await LogLedger.verify(store.connection, found)
                }
                #expect(error?.code == .otherLog, "\(change)")
                _ = try await store.connection.pipeline([LogLedger.adopting(0, of: found)])
                #expect(try await LogLedger.verify(store.connection, found) == 0)
            }
        }
    }
}
