package import Refold

/// A generation that this process owns: what its commits state.
package struct OwnedGeneration: Sendable {
    /// Drawn when the generation was acquired; changes as soon as another process acquires it or the pointer moves.
    package let fencingValue: FencingValue
    /// Its checkpoint when it was acquired.
    package let position: GlobalPosition

    package init(fencingValue: FencingValue, position: GlobalPosition) {
        self.fencingValue = fencingValue
        self.position = position
    }
}

/// The result of an attempt to acquire a generation.
package enum Acquisition: Sendable {
    case acquired(OwnedGeneration)
    /// A live process owns it.
    case owned(Ownership)
    /// Its checkpoint is locked: a commit, a switchover or another attempt is in flight.
    case locked(Ownership?)
    /// Before this moment it cannot be known whether the owner lives.
    case unclear(Ownership, until: ContinuousClock.Instant)
}
