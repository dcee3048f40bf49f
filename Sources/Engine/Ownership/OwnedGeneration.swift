package import Refold

/// A generation that this process owns: what its commits state.
package struct OwnedGeneration: Sendable {
    /// Drawn when the generation was acquired; changes as soon as it is another's, or the pointer moves.
    package let fencingValue: FencingValue
    /// Its checkpoint when it was acquired.
    package let position: GlobalPosition

    package init(fencingValue: FencingValue, position: GlobalPosition) {
        self.fencingValue = fencingValue
        self.position = position
    }
}

/// What came of an attempt to acquire a generation.
package enum Acquisition: Sendable {
    case acquired(OwnedGeneration)
    /// A live process owns it.
    case owned(Ownership)
    /// Its checkpoint is locked: a commit, a switchover or somebody else's attempt is in flight.
    case locked(Ownership?)
    /// It cannot be told before this moment whether the owner lives.
    case unclear(Ownership, until: ContinuousClock.Instant)
}
