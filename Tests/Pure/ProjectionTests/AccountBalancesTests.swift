import BankingDomain
import BankingProjections
import Refold
import RefoldTestKit
import Testing

@Suite("Account balances")
struct AccountBalancesTests {
    private let fold = ProjectionFold(AccountBalances(), upcasters: Upcasters(Upcaster.banking))

    private func open(_ deposit: String = "100", limit: String = "50", at time: String = "2024-03-01T10:00:00Z") throws
    {
        try fold.given(
            .accountOpened,
            #"{"account_id": "a", "initial_deposit": \#(deposit), "overdraft_limit": \#(limit)}"#,
            at: time,
            version: 3
        )
    }

    private func move(_ type: EventType, _ amount: String, at time: String = "2024-03-02T10:00:00Z") throws {
        try fold.given(type, #"{"account_id": "a", "amount": \#(amount)}"#, at: time)
    }

    private var account: [String: RowValue]? { fold.row("account_balances", "a") }

    @Test("An account is opened with its first deposit, moved and closed; closing is no transaction")
    func life() throws {
        try open("0.1")
        let opened: RowValue = .time("2024-03-01T10:00:00Z")
        #expect(
            account == [
                "balance": .exact("0.1"), "overdraft_limit": .exact("50"), "is_active": true, "transactions": 1,
                "opened_at": opened, "closed_at": nil, "last_activity": opened,
            ]
        )
        try move(.accountDeposited, "0.20", at: "2024-03-03T00:00:00Z")
        #expect(account?["balance"] == .exact("0.3"))
        // Clocks may go back.
        try move(.accountWithdrawn, "1e1", at: "2024-03-02T00:00:00Z")
        #expect(account?["balance"] == .exact("-9.7"))
        #expect(account?["last_activity"] == .time("2024-03-02T00:00:00Z"))
        try fold.given(.accountClosed, #"{"account_id": "a"}"#, at: "2024-03-04T00:00:00Z")
        #expect(
            account == [
                "balance": .exact("-9.7"), "overdraft_limit": .exact("50"), "is_active": false, "transactions": 3,
                "opened_at": opened, "closed_at": .time("2024-03-04T00:00:00Z"),
                "last_activity": .time("2024-03-04T00:00:00Z"),
            ]
        )
        try open("0", limit: "0", at: "2025-01-01T00:00:00Z")
        #expect(account?["transactions"] == 0)
        #expect(account?["is_active"] == true)
        #expect(account?["closed_at"] == .some(nil))
        #expect(account?["opened_at"] == .time("2025-01-01T00:00:00Z"))
    }

    @Test("Events of an account that was never opened change nothing")
    func unknown() throws {
        try move(.accountDeposited, "1")
        try move(.accountWithdrawn, "1")
        try fold.given(.accountClosed, #"{"account_id": "a"}"#)
        #expect(fold.count(of: "account_balances") == 0)
    }

    @Test("Accounts opened by older programs are the same accounts")
    func upcast() throws {
        try fold.given(.accountOpened, #"{"account_id": "a", "deposit": 7.50}"#)
        #expect(account?["balance"] == .exact("7.5"))
        #expect(account?["overdraft_limit"] == .exact("0"))
        try fold.given(.accountOpened, #"{"account_id": "a", "deposit": 8, "overdraft_limit": 9}"#, version: 2)
        #expect(account?["balance"] == .exact("8"))
        #expect(account?["overdraft_limit"] == .exact("9"))
        let refusal = #expect(throws: EventRefusal.self) {
            try fold.given(.accountOpened, #"{"account_id": "a"}"#, version: 4)
        }
        #expect(refusal?.code == .version)
    }

    @Test("Amounts keep all their digits, as numbers and as texts")
    func digits() throws {
        try open("123456789012345678901234567890")
        try move(.accountDeposited, #""0.00000001""#)
        #expect(account?["balance"] == .exact("123456789012345678901234567890.00000001"))
        try move(.accountWithdrawn, "123456789012345678901234567890")
        #expect(account?["balance"] == .exact("0.00000001"))
    }

    @Test("A balance of too many digits refuses the event and leaves the account as it was")
    func overflow() throws {
        try open("99999999999999999999999999999999999999")
        let before = account
        for amount in ["1", "0.1"] {
            let refusal = #expect(throws: EventRefusal.self) { try move(.accountDeposited, amount) }
            #expect(refusal?.code == .overflow)
        }
        #expect(account == before)
    }

    @Test(
        "Amounts that cannot be are refused",
        arguments: ["0", "-1", "true", #""much""#, "1e38", "null", "[1]", "0.0", #""""#]
    )
    func amounts(amount: String) throws {
        try open()
        let before = account
        #expect(throws: EventRefusal.self) { try move(.accountDeposited, amount) }
        #expect(throws: EventRefusal.self) { try move(.accountWithdrawn, amount) }
        if !["0", "0.0"].contains(amount) {
            #expect(throws: EventRefusal.self) { try open(amount) }
            #expect(throws: EventRefusal.self) { try open("1", limit: amount) }
        }
        #expect(account == before)
    }
}
