import Aggregates
import BankingDomain
import Refold
import Testing

@Suite("Bank accounts")
struct BankAccountTests {
    private let noon = Timestamp("2026-05-01T12:00:00Z") ?? .epoch

    private func decimal(_ text: String) throws -> ExactDecimal { try #require(ExactDecimal(text)) }

    private func opened(_ deposit: ExactDecimal = 0, overdraft: ExactDecimal = 0) -> BankAccountEvent {
        .opened(accountID: "a", initialDeposit: deposit, overdraftLimit: overdraft, at: noon)
    }

    private func account(after events: BankAccountEvent...) throws -> BankAccount {
        try BankAccount(id: "a", after: events)
    }

    // MARK: Opening

    @Test("An account is opened once, with a deposit and a limit from 0 on")
    func open() throws {
        #expect(try account().open(at: noon) == [opened()])
        let events = try account().open(initialDeposit: decimal("100.10"), overdraftLimit: 50, at: noon)
        #expect(events == [opened(try decimal("100.1"), overdraft: 50)])
        let account = try account(after: events[0])
        #expect(try account.balance == decimal("100.1"))
        #expect(account.overdraftLimit == 50)
        #expect(account.isOpened)
        #expect(throws: BankAccountError.alreadyOpened(account: "a")) { try account.open(at: noon) }
    }

    @Test("It cannot be opened again once it was closed")
    func openAfterClose() throws {
        let account = try account(after: opened(), .closed(accountID: "a"))
        #expect(throws: BankAccountError.alreadyOpened(account: "a")) { try account.open(at: noon) }
    }

    @Test("Neither deposit nor limit may be below 0")
    func negativeBeginnings() throws {
        let (account, cent) = (try account(), try decimal("-0.01"))
        #expect(throws: BankAccountError.negativeInitialDeposit(cent)) {
            try account.open(initialDeposit: cent, at: noon)
        }
        #expect(throws: BankAccountError.negativeOverdraftLimit(cent)) {
            try account.open(overdraftLimit: cent, at: noon)
        }
    }

    // MARK: Moving money

    @Test("Deposits and withdrawals are exact")
    func exact() throws {
        var decision = Decision(try account(after: opened()))
        for _ in 0..<10 { try decision.make { try $0.deposit(decimal("0.1")) } }
        #expect(decision.aggregate.balance == 1)
        for _ in 0..<3 { try decision.make { try $0.withdraw(decimal("0.30")) } }
        #expect(try decision.aggregate.balance == decimal("0.1"))
        try decision.make { try $0.deposit(decimal("12345678901234567890.000000001")) }
        #expect(try decision.aggregate.balance == decimal("12345678901234567890.100000001"))
    }

    @Test("Nothing, and less than nothing, cannot be moved", arguments: ["0", "-1", "-0.0000001"])
    func notPositive(amount: String) throws {
        let (account, amount) = (try account(after: opened(100)), try decimal(amount))
        #expect(throws: BankAccountError.notPositive(amount)) { try account.deposit(amount) }
        #expect(throws: BankAccountError.notPositive(amount)) { try account.withdraw(amount) }
    }

    @Test("All of balance and limit can be withdrawn, and not a hundredth more")
    func limit() throws {
        let account = try account(after: opened(100, overdraft: 50))
        #expect(try account.withdraw(150) == [.withdrawn(accountID: "a", amount: 150)])
        let requested = try decimal("150.01")
        #expect(throws: BankAccountError.insufficientFunds(available: 150, requested: requested)) {
            try account.withdraw(requested)
        }
        #expect(
            "\(BankAccountError.insufficientFunds(available: 150, requested: requested))"
                == "150.01 requested, 150 available"
        )
    }

    @Test("An overdrawn account gives what is left of the limit")
    func overdrawn() throws {
        let account = try account(after: opened(10, overdraft: 50), .withdrawn(accountID: "a", amount: 40))
        #expect(account.balance == -30)
        #expect(throws: BankAccountError.insufficientFunds(available: 20, requested: 21)) { try account.withdraw(21) }
        #expect(try account.withdraw(20).count == 1)
    }

    @Test("What no number can hold is refused by the decision")
    func tooManyDigits() throws {
        let most = try decimal(String(repeating: "9", count: 38))
        let tiny = try decimal("0.00000000000000000000000000000000000001")
        #expect(throws: BankAccountError.tooManyDigits) {
            try account().open(initialDeposit: most, overdraftLimit: 1, at: noon)
        }
        let full = try account(after: opened(most))
        #expect(throws: BankAccountError.tooManyDigits) { try full.deposit(1) }
        #expect(throws: BankAccountError.tooManyDigits) { try full.withdraw(tiny) }
        #expect(throws: BankAccountError.tooManyDigits) {
            try account(after: opened(1, overdraft: most.subtracting(1))).deposit(1)
        }
        #expect(try full.withdraw(most).count == 1)
    }

    // MARK: Closing

    @Test("An account is closed once, and is then at rest")
    func close() throws {
        #expect(try account(after: opened(5)).close() == [.closed(accountID: "a")])
        let account = try account(after: opened(5), .closed(accountID: "a"))
        #expect(account.isClosed)
        let refusal = BankAccountError.closed(account: "a")
        #expect(throws: refusal) { try account.close() }
        #expect(throws: refusal) { try account.deposit(1) }
        #expect(throws: refusal) { try account.withdraw(1) }
    }

    @Test("An overdrawn account cannot be closed, one at 0 can")
    func closeOverdrawn() throws {
        let account = try account(after: opened(0, overdraft: 9), .withdrawn(accountID: "a", amount: 1))
        #expect(throws: BankAccountError.overdrawn(balance: -1)) { try account.close() }
        #expect(try self.account(after: opened()).close().count == 1)
    }

    @Test("Nothing can be done with an account that was never opened")
    func notOpened() throws {
        let account = try account()
        let refusal = BankAccountError.notOpened(account: "a")
        #expect(throws: refusal) { try account.deposit(1) }
        #expect(throws: refusal) { try account.withdraw(1) }
        #expect(throws: refusal) { try account.close() }
    }

    // MARK: Events

    @Test("Events come back from their payloads as they were")
    func roundTrip() throws {
        try expectRoundTrip([
            opened(try decimal("0.07"), overdraft: try decimal("1e20")),
            .opened(accountID: "a", initialDeposit: 0, overdraftLimit: 0, at: nil),
            .deposited(accountID: "a", amount: try decimal("123456789012345678901234567890.12345678")),
            .withdrawn(accountID: "ä", amount: try decimal("0.00000000000000000000000000000000000001")),
            .closed(accountID: "a"),
        ])
    }

    @Test("Amounts are written as numbers with all their digits")
    func payloads() throws {
        #expect(
            try opened(decimal("0.10"), overdraft: 500).payload.text
                == #"{"account_id":"a","initial_deposit":0.1,"overdraft_limit":500,"opened_at":"2026-05-01T12:00:00Z"}"#
        )
        let amount = try decimal("1234567890123456789.01")
        #expect(
            BankAccountEvent.deposited(accountID: "a", amount: amount).payload.text
                == #"{"account_id":"a","amount":1234567890123456789.01}"#
        )
        #expect(BankAccountEvent.withdrawn(accountID: "a", amount: 1).payload.text == #"{"account_id":"a","amount":1}"#)
        #expect(BankAccountEvent.closed(accountID: "a").payload.text == #"{"account_id":"a"}"#)
    }

    @Test("Accounts opened by older programs are read through the upcasters", arguments: [1, 2, 3])
    func olderVersions(version: Int) throws {
        let payloads = [
            #"{"account_id":"a","deposit":7.5}"#,
            #"{"account_id":"a","deposit":7.5,"overdraft_limit":20}"#,
            #"{"account_id":"a","initial_deposit":7.5,"overdraft_limit":20}"#,
        ]
        let event = Event(
            type: .accountOpened,
            payload: payloads[version - 1],
            metadata: #"{"type_version":\#(version)}"#,
            upcasters: Upcasters(Upcaster.banking)
        )
        let account = try BankAccount(id: "a", after: [BankAccountEvent(event)])
        #expect(try account.balance == decimal("7.5"))
        #expect(account.overdraftLimit == (version == 1 ? 0 : 20))
    }

    @Test("A payload out of range, and an event of another kind, are refused")
    func unreadable() {
        for payload in [#"{"account_id":"a","amount":0}"#, #"{"account_id":"a","amount":"x"}"#, "{}"] {
            #expect(throws: EventRefusal.self) {
                try BankAccountEvent(Event(type: .accountDeposited, payload: payload))
            }
        }
        #expect(throws: EventRefusal.self) { try BankAccountEvent(Event(type: "account.painted", payload: "{}")) }
    }
}
