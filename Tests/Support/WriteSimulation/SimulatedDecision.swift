public import Aggregates
public import TestSupport

/// A decision that a simulated writer asks an aggregate for; the same one however often it is made again.
public protocol SimulatedDecision: Sendable {
    /// What decides.
    associatedtype Decider: Aggregate

    /// Any decision.
    init(using generator: inout SeededGenerator)

    /// Asks for it.
    func decide(_ aggregate: Decider) throws -> [Decider.DomainEvent]
}
