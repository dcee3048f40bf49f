import BankingDomain
import BankingProjections
import Refold
import RefoldTestKit
import Testing

@Suite("Daily totals")
struct DailyTotalsTests {
    private let fold = ProjectionFold(DailyTotals(), upcasters: Upcasters(Upcaster.banking))

    private func move(_ type: EventType, _ amount: String, at time: String) throws {
        try fold.given(type, #"{"account_id": "a", "amount": \#(amount)}"#, at: time)
    }

    @Test("Each movement is counted on its day in UTC, whoever's account it is, the first deposit included")
    func days() throws {
        try fold.given(
            .accountOpened,
            #"{"account_id": "b", "initial_deposit": 0.1, "overdraft_limit": 0}"#,
            at: "2024-02-29T23:59:59.999999Z",
            version: 3
        )
        try move(.accountDeposited, "0.2", at: "2024-02-29T00:00:00Z")
        try move(.accountWithdrawn, "5", at: "2024-03-01T01:30:00+02:00")
        try move(.accountWithdrawn, "1e2", at: "2024-03-01T00:00:00Z")
        try fold.given(.accountOpened, #"{"account_id": "c", "deposit": 2}"#, at: "1999-12-31T12:00:00Z")
        #expect(
            fold.rows("daily_totals") == [
                .day("2024-02-29"): [
                    "deposits": .exact("0.3"), "withdrawals": .exact("5"), "net": .exact("-4.7"), "count": 3,
                ],
                .day("2024-03-01"): [
                    "deposits": .exact("0"), "withdrawals": .exact("100"), "net": .exact("-100"), "count": 1,
                ],
                .day("1999-12-31"): [
                    "deposits": .exact("2"), "withdrawals": .exact("0"), "net": .exact("2"), "count": 1,
                ],
            ]
        )
    }

    @Test("An account opened with nothing, and one closed, move no money")
    func nothing() throws {
        try fold.given(
            .accountOpened,
            #"{"account_id": "b", "initial_deposit": 0, "overdraft_limit": 0}"#,
            version: 3
        )
        try fold.given(.accountClosed, #"{"account_id": "b"}"#)
        #expect(fold.count(of: "daily_totals") == 0)
    }

    @Test("A total of too many digits refuses the event, and the day is as it was")
    func overflow() throws {
        let most = "99999999999999999999999999999999999999"
        try move(.accountDeposited, most, at: "2024-03-01T00:00:00Z")
        let before = fold.rows("daily_totals")
        #expect(throws: EventRefusal.self) { try move(.accountDeposited, "1", at: "2024-03-01T00:00:00Z") }
        try fold.given(.accountWithdrawn, #"{"account_id": "a", "amount": \#(most)}"#, at: "2024-03-01T00:00:00Z")
        #expect(fold.row("daily_totals", .day("2024-03-01"))?["net"] == .exact("0"))
        #expect(before.count == 1)
    }

    @Test("An event without a moment belongs to no day and is refused")
    func noMoment() throws {
        #expect(throws: EventRefusal.self) {
            try fold.given(.accountDeposited, #"{"account_id": "a", "amount": 1}"#, at: .infinity)
        }
        #expect(fold.count(of: "daily_totals") == 0)
    }
}
