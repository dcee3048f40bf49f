import EventStore
import Postgres
import Refold
import TestSupport
import Testing

/// Needs a server with `max_prepared_transactions` above 0.
@Suite("Prepared transactions")
struct PreparedTransactionTests {
    @Test("A prepared transaction holds the mark until it is committed, and is named by its gid")
    func holds() async throws {
        try await TestStore.with { store in
            let writer = try await store.connect()
            let probe = try await store.probe()
            let id = "refold \(UInt64.random(in: 0 ... .max))"
            try await writer.executeScript("BEGIN; \(store.insert)")
            #expect(try await probe.sample().hold?.transaction.processID == writer.backendPID)
            try await writer.executeScript("PREPARE TRANSACTION \(quoteLiteral(id))")
            await writer.close()
            for _ in 0..<3 { try await store.connection.executeScript(store.insert) }

            let sample = try await probe.sample()
            let details = try await sample.hold.asyncMap { try await probe.details(of: $0) } ?? nil
            // A database with a prepared transaction cannot be dropped, so it ends before anything is asserted.
            try await store.connection.executeScript("COMMIT PREPARED \(quoteLiteral(id))")
            #expect(sample.mark == 0)
            #expect(sample.hold?.transaction.processID == nil)
            #expect(details?.preparedID == id)
            #expect(details?.age != nil)
            #expect(details?.description.contains(id) == true)
            #expect(try await probe.sample().mark == 4)
            let reader = try await store.reader()
            #expect(try await reader.positions(through: 4) == [1, 2, 3, 4])
        }
    }
}

extension Optional {
    func asyncMap<Result>(_ transform: (Wrapped) async throws -> Result) async rethrows -> Result? {
        guard let self else { return nil }
        return try await transform(self)
    }
}
