internal import Aggregates
public import BankingDomain
public import Refold
public import TestSupport

/// What people do with accounts. One in a few is refused.
public enum AccountDecision: SimulatedDecision {
    /// Opens the account where it is not yet, else pays the same in.
    case begin(deposit: ExactDecimal, overdraft: ExactDecimal)
    /// Pays in.
    case deposit(ExactDecimal)
    /// Takes out.
    case withdraw(ExactDecimal)
    /// Several movements at once.
    case move([ExactDecimal])
    /// Closes the account, when it has seen enough.
    case close
    /// Looks, and leaves everything as it is.
    case look

    /// Any decision.
    public init(using generator: inout SeededGenerator) {
        switch Int.random(in: 0..<60, using: &generator) {
        case 0..<9:
            self = .begin(deposit: Self.amount(using: &generator), overdraft: Self.amount(using: &generator))
        case 9..<30: self = .deposit(Self.amount(using: &generator))
        case 30..<48: self = .withdraw(Self.amount(using: &generator))
        case 48..<57:
            self = .move(
                (0..<Int.random(in: 2...5, using: &generator)).map { _ in
                    let amount = Self.amount(using: &generator)
                    return generator.once(in: 2) ? amount : amount.negated
                }
            )
        case 57: self = .close
        default: self = .look
        }
    }

    /// Up to a thousand, with up to six digits behind the point.
    private static func amount(using generator: inout SeededGenerator) -> ExactDecimal {
        let scale = Int.random(in: 0...6, using: &generator)
        var limit: Int128 = 1_000
        for _ in 0..<scale { limit *= 10 }
        return ExactDecimal(coefficient: Int128.random(in: 1...limit, using: &generator), scale: scale) ?? 1
    }

    /// Asks for it.
    public func decide(_ account: BankAccount) throws -> [BankAccountEvent] {
        switch self {
        case .begin(let deposit, let overdraft):
            if account.isOpened { return try account.deposit(deposit) }
            return try account.open(initialDeposit: deposit, overdraftLimit: overdraft, at: .epoch)
        case .deposit(let amount): return try account.deposit(amount)
        case .withdraw(let amount): return try account.withdraw(amount)
        case .move(let amounts):
            var decision = Decision(account)
            for amount in amounts {
                try decision.make { amount > 0 ? try $0.deposit(amount) : try $0.withdraw(amount.negated) }
            }
            return decision.events
        case .close:
            // Closing for good would end the story too soon.
            guard account.balance > 3_000 else { return [] }
            return try account.close()
        case .look: return []
        }
    }
}
