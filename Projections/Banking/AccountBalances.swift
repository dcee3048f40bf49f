import BankingDomain
public import Refold

/// The balance of each bank account, and what it has done.
///
/// Opening an account makes its row anew; deposits and withdrawals move the balance and count as transactions, the
/// initial deposit as one when it is above 0. Events of an account that was never opened change nothing. Times are the
/// event's own.
public struct AccountBalances: Projection {
    /// `account_balances`.
    public let name: ProjectionName = "account_balances"
    /// The first.
    public let version = 1
    /// All events of accounts.
    public let eventTypes: [EventType] = [.accountOpened, .accountDeposited, .accountWithdrawn, .accountClosed]
    /// The table `account_balances`, key `account_id`.
    public let model: ReadModel
    /// The accounts with events in the last 30 days.
    public var defaultHotSet: HotSetSettings { HotSetSettings(.recent(column: "last_activity", within: .days(30))) }

    private let accounts: Table
    private let balance: Column<ExactDecimal>
    private let overdraftLimit: Column<ExactDecimal>
    private let isActive: Column<Bool>
    private let transactions: Column<Int64>
    private let openedAt: Column<Timestamp>
    private let closedAt: Column<Timestamp?>
    private let lastActivity: Column<Timestamp>

    /// Lays the table out.
    public init() {
        var model = ReadModel()
        accounts = model.addTable("account_balances", key: .text("account_id"))
        balance = model.addColumn("balance", to: accounts)
        overdraftLimit = model.addColumn("overdraft_limit", to: accounts)
        isActive = model.addColumn("is_active", to: accounts)
        transactions = model.addColumn("transactions", to: accounts)
        openedAt = model.addColumn("opened_at", to: accounts)
        closedAt = model.addColumn("closed_at", to: accounts)
        lastActivity = model.addColumn("last_activity", to: accounts)
        self.model = model
    }

    /// Applies one event to its account.
    public func apply(_ event: Event, to rows: Rows) throws {
        switch event.type {
        case .accountOpened: try open(AccountOpened(event.payload), at: event.timestamp, rows)
        case .accountDeposited:
            let deposited = AccountDeposited(event.payload)
            try move(deposited.accountID, by: deposited.amount, at: event.timestamp, rows)
        case .accountWithdrawn:
            let withdrawn = AccountWithdrawn(event.payload)
            try move(withdrawn.accountID, by: withdrawn.amount.negated, at: event.timestamp, rows)
        case .accountClosed:
            let (time, accountID) = try (event.timestamp, AccountClosed(event.payload).accountID)
            guard let account = try rows.find(accounts, accountID) else { return }
            account[isActive] = false
            account[closedAt] = time
            account[lastActivity] = time
        default: break
        }
    }

    private func open(_ opened: AccountOpened, at time: Timestamp, _ rows: Rows) throws {
        let (deposit, limit) = try (opened.initialDeposit, opened.overdraftLimit)
        let account = try rows.findOrInsert(accounts, opened.accountID)
        account[balance] = deposit
        account[overdraftLimit] = limit
        account[isActive] = true
        account[transactions] = deposit > 0 ? 1 : 0
        account[openedAt] = time
        account[closedAt] = nil
        account[lastActivity] = time
    }

    private func move(_ accountID: Text, by amount: ExactDecimal, at time: Timestamp, _ rows: Rows) throws {
        guard let account = try rows.find(accounts, accountID) else { return }
        try account.add(amount, to: balance)
        try account.add(1, to: transactions)
        account[lastActivity] = time
    }
}
