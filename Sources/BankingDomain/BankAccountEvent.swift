public import Aggregates
public import Refold

/// What happens to an account.
public enum BankAccountEvent: AggregateEvent, Hashable {
    /// `account.opened`
    case opened(accountID: String, initialDeposit: ExactDecimal, overdraftLimit: ExactDecimal, at: Timestamp?)
    /// `account.deposited`
    case deposited(accountID: String, amount: ExactDecimal)
    /// `account.withdrawn`
    case withdrawn(accountID: String, amount: ExactDecimal)
    /// `account.closed`
    case closed(accountID: String)

    /// The types of an account's events.
    public static let types: [EventType] = [.accountOpened, .accountDeposited, .accountWithdrawn, .accountClosed]

    /// Reads one of them; refuses an event of another type and a payload that lacks a field.
    public init(_ event: Event) throws(EventRefusal) {
        switch event.type {
        case .accountOpened:
            let opened = AccountOpened(event.payload)
            self = .opened(
                accountID: String(try opened.accountID),
                initialDeposit: try opened.initialDeposit,
                overdraftLimit: try opened.overdraftLimit,
                at: try opened.openedAt
            )
        case .accountDeposited:
            let deposited = AccountDeposited(event.payload)
            self = .deposited(accountID: String(try deposited.accountID), amount: try deposited.amount)
        case .accountWithdrawn:
            let withdrawn = AccountWithdrawn(event.payload)
            self = .withdrawn(accountID: String(try withdrawn.accountID), amount: try withdrawn.amount)
        case .accountClosed:
            self = .closed(accountID: String(try AccountClosed(event.payload).accountID))
        default:
            throw EventRefusal("\(event.typeName) is no event of an account")
        }
    }

    /// Its type.
    public var type: EventType {
        switch self {
        case .opened: .accountOpened
        case .deposited: .accountDeposited
        case .withdrawn: .accountWithdrawn
        case .closed: .accountClosed
        }
    }

    /// Its payload, with the fields that projections read; amounts have all their digits.
    public var payload: JSON {
        switch self {
        case .opened(let accountID, let initialDeposit, let overdraftLimit, let time):
            var payload: JSON.Object = [
                "account_id": .text(accountID), "initial_deposit": .decimal(initialDeposit),
                "overdraft_limit": .decimal(overdraftLimit),
            ]
            payload["opened_at"] = time.map { .text($0.description) }
            return .object(payload)
        case .deposited(let accountID, let amount), .withdrawn(let accountID, let amount):
            return ["account_id": .text(accountID), "amount": .decimal(amount)]
        case .closed(let accountID):
            return ["account_id": .text(accountID)]
        }
    }
}
