import AggregateStore
import BankingDomain
import EventStore
import Refold
import Testing

@Suite("Aggregates and older versions of events")
struct OlderEventsTests {
    private func accounts(_ store: TallyStore, _ upcasters: [Upcaster] = Upcaster.banking) -> Repository<BankAccount> {
        Repository(store.connection, upcasters: Upcasters(upcasters))
    }

    @Test("They are read through the upcasters, and new ones state the current version")
    func upcast() async throws {
        try await TallyStore.with { store in
            let streams = EventStreams(store.connection)
            let payloads = [
                #"{"account_id": "1", "deposit": 7.5}"#,
                #"{"account_id": "2", "deposit": "7.50", "overdraft_limit": 20}"#,
                #"{"account_id": "3", "initial_deposit": 7.5, "overdraft_limit": 20}"#,
            ]
            for (index, payload) in payloads.enumerated() {
                _ = try await streams.append(
                    to: "account-\(index + 1)",
                    events: [NewEvent(type: "account.opened", typeVersion: index + 1, payload: payload)]
                )
            }
            for (id, limit) in [("1", 0), ("2", 20), ("3", 20)] {
                let account = try await accounts(store).load(id).aggregate
                #expect(account.balance == ExactDecimal("7.5"))
                #expect(account.overdraftLimit == ExactDecimal(Int64(limit)))
            }
            try await accounts(store).execute("4") { try $0.open(at: .epoch) }
            let opened = try #require(try await streams.readStream("account-4").collect().first)
            #expect(opened.typeVersion == 3)
            let deposit = try #require(ExactDecimal("0.5"))
            try await accounts(store).execute("4") { try $0.deposit(deposit) }
            #expect(try await streams.readStream("account-4").collect().last?.typeVersion == 1)
        }
    }

    @Test("One of a newer program is refused, and named")
    func tooNew() async throws {
        try await TallyStore.with { store in
            _ = try await EventStreams(store.connection).append(
                to: "account-1",
                events: [NewEvent(type: "account.opened", typeVersion: 4, payload: "{}")]
            )
            let error = await #expect(throws: AggregateStoreError.self) { try await accounts(store).load("1") }
            #expect(error?.code == .unreadableEvent)
            #expect(error?.message.contains("newer program") == true)
        }
    }

    @Test("Snapshots keep every digit of an amount")
    func digits() async throws {
        try await TallyStore.with { store in
            let accounts = accounts(store)
            let amount = try #require(ExactDecimal("12345678901234567890.123456789012345678"))
            try await accounts.execute("1") { try $0.open(initialDeposit: amount, overdraftLimit: 1, at: .epoch) }
            let loaded = try await accounts.load("1")
            try await accounts.takeSnapshot(of: loaded)
            try await accounts.execute("1") { try $0.deposit(1) }
            try await store.change("DELETE FROM events WHERE stream_version = 0")
            let again = try await accounts.load("1").aggregate
            #expect(again.balance == ExactDecimal("12345678901234567891.123456789012345678"))
            #expect(again.isOpened)
        }
    }
}
