import Aggregates
import Refold

/// An order: placed once, for an amount above 0.
public struct Order: Aggregate {
    /// Its streams are `order-<id>`.
    public static let category = "order"
    /// Raise it whenever earlier snapshots could not be read, or `apply` does something else.
    public static let schemaVersion = 1

    /// The order's id.
    public let id: String
    /// Whether it was placed.
    public private(set) var isPlaced = false

    /// The order with that id, before anything happened.
    public init(id: String) {
        self.id = id
    }

    /// Places the order.
    public func place(by customerID: String, amount: ExactDecimal) throws(OrderError) -> [OrderEvent] {
        guard !isPlaced else { throw .alreadyPlaced }
        guard amount > 0 else { throw .notPositive }
        return [.placed(orderID: id, customerID: customerID, amount: amount)]
    }

    /// Takes in what happened.
    public mutating func apply(_ event: OrderEvent) {
        switch event {
        case .placed: isPlaced = true
        }
    }
}

/// Why an order cannot be placed.
public enum OrderError: Error, Hashable {
    /// It was placed before.
    case alreadyPlaced
    /// The amount is not above 0.
    case notPositive
}

/// What happens to an order.
public enum OrderEvent: AggregateEvent, Hashable {
    /// `order.placed`
    case placed(orderID: String, customerID: String, amount: ExactDecimal)

    /// The types of an order's events.
    public static let types: [EventType] = [.orderPlaced]

    /// Reads one of them.
    public init(_ event: Event) throws(EventRefusal) {
        let placed = OrderPlaced(event.payload)
        self = .placed(
            orderID: String(try placed.orderID),
            customerID: String(try placed.customerID),
            amount: try placed.amount
        )
    }

    /// Its type.
    public var type: EventType { .orderPlaced }

    /// Its payload, with the fields that projections read.
    public var payload: JSON {
        switch self {
        case .placed(let orderID, let customerID, let amount):
            ["order_id": .text(orderID), "customer_id": .text(customerID), "amount": .decimal(amount)]
        }
    }
}
