public import Aggregates
public import Refold

/// A bank account: opened once, then money comes and goes until it is closed. Its balance never falls below minus the
/// overdraft limit.
///
/// Amounts are exact decimals of any precision; nothing is rounded.
public struct BankAccount: Aggregate {
    /// Its streams are `account-<id>`.
    public static let category = "account"
    /// The version of its snapshots.
    public static let schemaVersion = 1

    /// The account's id.
    public let id: String
    /// What is in it; below 0 while it is overdrawn.
    public private(set) var balance: ExactDecimal = 0
    /// How far the balance may go below 0.
    public private(set) var overdraftLimit: ExactDecimal = 0
    /// Whether it was opened, and perhaps closed since.
    public private(set) var isOpened = false
    /// Whether it was closed.
    public private(set) var isClosed = false

    /// The account with that id, before anything happened.
    public init(id: String) {
        self.id = id
    }

    // MARK: Decisions

    /// Opens the account.
    ///
    /// - Parameters:
    ///   - initialDeposit: from 0 on.
    ///   - overdraftLimit: from 0 on.
    /// - Throws: `alreadyOpened`, also when it was closed since; `negativeInitialDeposit`, `negativeOverdraftLimit`,
    ///   `tooManyDigits`.
    public func open(
        initialDeposit: ExactDecimal = 0,
        overdraftLimit: ExactDecimal = 0,
        at time: Timestamp
    ) throws(BankAccountError) -> [BankAccountEvent] {
        guard !isOpened else { throw .alreadyOpened(account: id) }
        guard initialDeposit >= 0 else { throw .negativeInitialDeposit(initialDeposit) }
        guard overdraftLimit >= 0 else { throw .negativeOverdraftLimit(overdraftLimit) }
        _ = try sum(initialDeposit, overdraftLimit)
        return [
            .opened(accountID: id, initialDeposit: initialDeposit, overdraftLimit: overdraftLimit, at: time)
        ]
    }

    /// Pays money in.
    ///
    /// - Throws: `notOpened`, `closed`; `notPositive` unless the amount is above 0; `tooManyDigits`.
    public func deposit(_ amount: ExactDecimal) throws(BankAccountError) -> [BankAccountEvent] {
        try requireOpen()
        guard amount > 0 else { throw .notPositive(amount) }
        // What can be withdrawn then must be a number, too.
        _ = try sum(sum(balance, amount), overdraftLimit)
        return [.deposited(accountID: id, amount: amount)]
    }

    /// Takes money out.
    ///
    /// - Throws: `notOpened`, `closed`; `notPositive` unless the amount is above 0; `insufficientFunds` when it is
    ///   above balance and overdraft limit together; `tooManyDigits`.
    public func withdraw(_ amount: ExactDecimal) throws(BankAccountError) -> [BankAccountEvent] {
        try requireOpen()
        guard amount > 0 else { throw .notPositive(amount) }
        let available = try sum(balance, overdraftLimit)
        guard amount <= available else { throw .insufficientFunds(available: available, requested: amount) }
        _ = try sum(sum(balance, amount.negated), overdraftLimit)
        return [.withdrawn(accountID: id, amount: amount)]
    }

    /// Closes the account, whatever is in it.
    ///
    /// - Throws: `notOpened`, `closed`; `overdrawn` while the balance is below 0.
    public func close() throws(BankAccountError) -> [BankAccountEvent] {
        try requireOpen()
        guard balance >= 0 else { throw .overdrawn(balance: balance) }
        return [.closed(accountID: id)]
    }

    private func requireOpen() throws(BankAccountError) {
        guard isOpened else { throw .notOpened(account: id) }
        guard !isClosed else { throw .closed(account: id) }
    }

    private func sum(_ left: ExactDecimal, _ right: ExactDecimal) throws(BankAccountError) -> ExactDecimal {
        do throws(EventRefusal) {
            return try left.adding(right)
        } catch {
            throw .tooManyDigits
        }
    }

    // MARK: What happened

    /// Takes in what happened.
    ///
    /// - Throws: `EventRefusal` for a balance that has too many digits.
    public mutating func apply(_ event: BankAccountEvent) throws(EventRefusal) {
        switch event {
        case .opened(_, let initialDeposit, let overdraftLimit, _):
            isOpened = true
            balance = initialDeposit
            self.overdraftLimit = overdraftLimit
        case .deposited(_, let amount): balance = try balance.adding(amount)
        case .withdrawn(_, let amount): balance = try balance.subtracting(amount)
        case .closed: isClosed = true
        }
    }
}

/// Why a decision about an account is refused.
public enum BankAccountError: Error, Hashable, CustomStringConvertible {
    /// It was opened before.
    case alreadyOpened(account: String)
    /// It was never opened.
    case notOpened(account: String)
    /// It was closed.
    case closed(account: String)
    /// An account begins with nothing or more.
    case negativeInitialDeposit(ExactDecimal)
    /// An overdraft limit is how far the balance may go below 0, and so not below 0 itself.
    case negativeOverdraftLimit(ExactDecimal)
    /// An amount that is moved is above 0.
    case notPositive(ExactDecimal)
    /// More was requested than balance and overdraft limit together.
    case insufficientFunds(available: ExactDecimal, requested: ExactDecimal)
    /// The balance is below 0.
    case overdrawn(balance: ExactDecimal)
    /// The balance would have more digits than a number can have.
    case tooManyDigits

    /// The reason in one clause.
    public var description: String {
        switch self {
        case .alreadyOpened(let account): "account \(account) was opened already"
        case .notOpened(let account): "account \(account) was never opened"
        case .closed(let account): "account \(account) is closed"
        case .negativeInitialDeposit(let amount): "an initial deposit is not below 0: \(amount)"
        case .negativeOverdraftLimit(let amount): "an overdraft limit is not below 0: \(amount)"
        case .notPositive(let amount): "an amount is above 0: \(amount)"
        case .insufficientFunds(let available, let requested): "\(requested) requested, \(available) available"
        case .overdrawn(let balance): "the balance is below 0: \(balance)"
        case .tooManyDigits: "the balance would have more than \(ExactDecimal.maximumDigits) digits"
        }
    }
}
