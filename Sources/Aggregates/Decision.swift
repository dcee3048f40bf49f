internal import Refold

/// Several decisions in a row, each made on what the one before has led to, and their events together.
///
/// ```swift
/// var decision = Decision(account)
/// try decision.make { try $0.deposit(20) }
/// try decision.make { try $0.withdraw(15) }
/// return decision.events
/// ```
public struct Decision<A: Aggregate>: Sendable {
    /// What the decisions so far have led to.
    public private(set) var aggregate: A
    /// The events of all decisions so far.
    public private(set) var events: [A.DomainEvent] = []

    /// No decision yet.
    public init(_ aggregate: A) {
        self.aggregate = aggregate
    }

    /// Makes the next decision.
    ///
    /// - Throws: what the decision throws, or `EventRefusal` when its events cannot be applied; then nothing is
    ///   changed.
    public mutating func make(_ decide: (A) throws -> [A.DomainEvent]) throws {
        let next = try decide(aggregate)
        var changed = aggregate
        for event in next { try changed.apply(event) }
        aggregate = changed
        events += next
    }
}
