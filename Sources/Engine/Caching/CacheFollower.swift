package import Refold

/// Follows commits with the cache: what folding calls. Never waits: what it cannot take at once it catches up with later.
package protocol CacheFollower: Sendable {
    /// The caller owns a live generation whose tables can be read: it is warmed, then follows its commits. To be called
    /// after each acquisition. The pointer of a projection that is not cached any more is removed instead.
    func follow(_ generation: GenerationNumber, of projection: ProjectionName, fencingValue: FencingValue)

    /// Puts a window's changed rows into the form of the cache, before they change again.
    ///
    /// Costs nothing when the generation is not cached, or when the cache is behind and would not take them.
    ///
    /// - Parameter changes: the changed rows of each table of the model, in the model's order.
    func encode(_ changes: [[ChangedRecord]], of generation: GenerationNumber) -> HotRows

    /// The window with these rows was committed. Called for every window, without rows too, and with
    /// ``HotRows/skipped`` for one whose rows were not encoded.
    func committed(_ rows: HotRows, of generation: GenerationNumber, through position: GlobalPosition)
}
