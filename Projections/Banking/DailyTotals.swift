import BankingDomain
public import Refold

/// What was paid into and taken from all bank accounts on each day, by the events' own timestamps in UTC.
///
/// An initial deposit above 0 is a deposit like any other.
public struct DailyTotals: Projection {
    /// `daily_totals`.
    public let name: ProjectionName = "daily_totals"
    /// The first.
    public let version = 1
    /// The events that move money.
    public let eventTypes: [EventType] = [.accountOpened, .accountDeposited, .accountWithdrawn]
    /// The table `daily_totals`, key `day`.
    public let model: ReadModel
    /// Every day.
    public var defaultHotSet: HotSetSettings { HotSetSettings(.all) }

    private let days: Table
    private let deposits: Column<ExactDecimal>
    private let withdrawals: Column<ExactDecimal>
    private let net: Column<ExactDecimal>
    private let count: Column<Int64>

    /// Lays the table out.
    public init() {
        var model = ReadModel()
        days = model.addTable("daily_totals", key: .date("day"))
        deposits = model.addColumn("deposits", to: days)
        withdrawals = model.addColumn("withdrawals", to: days)
        net = model.addColumn("net", to: days)
        count = model.addColumn("count", to: days)
        self.model = model
    }

    /// Adds one movement of money to its day.
    public func apply(_ event: Event, to rows: Rows) throws {
        let (amount, column, sign): (ExactDecimal, Column<ExactDecimal>, Int)
        switch event.type {
        case .accountOpened: (amount, column, sign) = (try AccountOpened(event.payload).initialDeposit, deposits, 1)
        case .accountDeposited: (amount, column, sign) = (try AccountDeposited(event.payload).amount, deposits, 1)
        case .accountWithdrawn: (amount, column, sign) = (try AccountWithdrawn(event.payload).amount, withdrawals, -1)
        default: return
        }
        guard amount > 0 else { return }
        let day = try rows.findOrInsert(days, Day(event.timestamp))
        try day.add(amount, to: column)
        try day.add(sign > 0 ? amount : amount.negated, to: net)
        try day.add(1, to: count)
    }
}
