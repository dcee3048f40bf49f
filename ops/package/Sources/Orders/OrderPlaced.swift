import Refold

extension EventType {
    /// An order was placed; see `OrderPlaced`.
    public static let orderPlaced: EventType = "order.placed"
}

/// The payload of `order.placed`: `{"order_id": "17", "customer_id": "ann", "amount": 12.50}`.
///
/// Each property reads its field when it is asked for, and refuses a missing one or one of another type.
public struct OrderPlaced: Sendable {
    private let payload: Payload

    /// Reads nothing yet.
    public init(_ payload: Payload) {
        self.payload = payload
    }

    /// The order.
    public var orderID: Text {
        get throws(EventRefusal) { try payload.text("order_id") }
    }

    /// Who placed it.
    public var customerID: Text {
        get throws(EventRefusal) { try payload.text("customer_id") }
    }

    /// What it costs, with all its digits.
    public var amount: ExactDecimal {
        get throws(EventRefusal) { try payload.decimal("amount") }
    }
}
