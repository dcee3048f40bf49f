public import Refold

extension EventType {
    /// An account was opened; see `AccountOpened`.
    public static let accountOpened: EventType = "account.opened"
    /// Money came in; see `AccountDeposited`.
    public static let accountDeposited: EventType = "account.deposited"
    /// Money went out; see `AccountWithdrawn`.
    public static let accountWithdrawn: EventType = "account.withdrawn"
    /// An account was closed; see `AccountClosed`.
    public static let accountClosed: EventType = "account.closed"
}
