import Refold

/// What each customer has ordered.
public struct CustomerTotals: Projection {
    /// `customer_totals`.
    public let name: ProjectionName = "customer_totals"
    /// Raise it whenever the same events give other rows.
    public let version = 1
    /// What reaches `apply`.
    public let eventTypes: [EventType] = [.orderPlaced]
    /// The table `customer_totals`, key `customer_id`.
    public let model: ReadModel
    /// The customers who ordered in the last 30 days.
    public var defaultHotSet: HotSetSettings { HotSetSettings(.recent(column: "last_order", within: .days(30))) }

    private let customers: Table
    private let orders: Column<Int64>
    private let total: Column<ExactDecimal>
    private let lastOrder: Column<Timestamp>

    /// Lays the table out.
    public init() {
        var model = ReadModel()
        customers = model.addTable("customer_totals", key: .text("customer_id"))
        orders = model.addColumn("orders", to: customers)
        total = model.addColumn("total", to: customers)
        lastOrder = model.addColumn("last_order", to: customers)
        self.model = model
    }

    /// Adds one order to its customer's.
    public func apply(_ event: Event, to rows: Rows) throws {
        let order = OrderPlaced(event.payload)
        let (customerID, amount, time) = try (order.customerID, order.amount, event.timestamp)
        let customer = try rows.findOrInsert(customers, customerID)
        try customer.add(1, to: orders)
        try customer.add(amount, to: total)
        customer[lastOrder] = time
    }
}
