import Orders
import Refold
import RefoldTestKit
import Testing

@Suite("Customer totals")
struct CustomerTotalsTests {
    @Test("Orders add up by customer, to the last digit")
    func totals() throws {
        let fold = ProjectionFold(CustomerTotals())
        try fold.given(.orderPlaced, #"{"order_id": "1", "customer_id": "ann", "amount": 12.50}"#)
        try fold.given(
            .orderPlaced,
            #"{"order_id": "2", "customer_id": "ann", "amount": 0.10}"#,
            at: "2026-05-01T12:00:00Z"
        )
        try fold.given(.orderPlaced, #"{"order_id": "3", "customer_id": "bob", "amount": 7}"#)
        #expect(
            fold.row("customer_totals", "ann")
                == ["orders": 2, "total": .exact("12.6"), "last_order": .time("2026-05-01T12:00:00Z")]
        )
        #expect(fold.count(of: "customer_totals") == 2)
    }

    @Test(
        "An order without one of its fields is refused",
        arguments: [
            #"{"order_id": "1", "amount": 1}"#, #"{"order_id": "1", "customer_id": "ann"}"#,
            #"{"order_id": "1", "customer_id": "ann", "amount": "much"}"#,
        ]
    )
    func refused(payload: String) {
        let fold = ProjectionFold(CustomerTotals())
        #expect(throws: EventRefusal.self) { try fold.given(.orderPlaced, payload) }
        #expect(fold.count(of: "customer_totals") == 0)
    }
}
