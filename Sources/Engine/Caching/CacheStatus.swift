package import Refold

/// A row in the cache.
package struct CachedRow: Sendable {
    /// The generation that is live there.
    package let generation: GenerationNumber
    /// The JSON object.
    package let json: [UInt8]

    package init(generation: GenerationNumber, json: [UInt8]) {
        self.generation = generation
        self.json = json
    }
}

/// Whether readers find in the cache what is committed.
public enum CacheState: String, Sendable {
    /// Everything that is committed is there, and the pointers agree.
    case current
    /// Something is missing or cannot be reached; it is healed by the generation's owner.
    case behind
    /// Nothing of the projection is cached.
    case off
}

/// The state of a projection's cache.
package struct CacheStatus: Sendable {
    package var state: CacheState
    /// The generation that is live in the cache.
    package var generation: GenerationNumber?
    /// All commits up to here are in the cache.
    package var through: GlobalPosition?
    /// Why it is behind.
    package var error: String?
    /// Readers may be sent to stale rows until then: the pointer lasts longer than one that an owner renews.
    package var staleUntil: Timestamp?
    /// The server cannot be asked, whatever the projection.
    package var isUnreachable = false

    package init(
        state: CacheState,
        generation: GenerationNumber? = nil,
        through: GlobalPosition? = nil,
        error: String? = nil
    ) {
        self.state = state
        self.generation = generation
        self.through = through
        self.error = error
    }
}
