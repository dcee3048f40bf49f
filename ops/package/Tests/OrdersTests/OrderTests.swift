import Aggregates
import Orders
import Refold
import Testing

@Suite("Orders")
struct OrderTests {
    @Test("An order is placed once, for an amount above 0")
    func place() throws {
        let order = Order(id: "17")
        let events = try order.place(by: "ann", amount: 12)
        #expect(events == [.placed(orderID: "17", customerID: "ann", amount: 12)])
        let placed = try Order(id: "17", after: events)
        #expect(throws: OrderError.alreadyPlaced) { try placed.place(by: "ann", amount: 12) }
        #expect(throws: OrderError.notPositive) { try order.place(by: "ann", amount: 0) }
    }

    @Test("The payload has what projections read")
    func payload() throws {
        let event = OrderEvent.placed(orderID: "17", customerID: "ann", amount: 12)
        #expect(event.payload.text == #"{"order_id":"17","customer_id":"ann","amount":12}"#)
    }
}
