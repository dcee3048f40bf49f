/// Generations that a lease still names although this process no longer feeds them.
package struct UnreleasedGenerations: Sendable {
    private var waiting: Set<GenerationNumber> = []
    private var underWay: GenerationNumber?

    package init() {}

    /// A generation is to be released.
    package mutating func add(_ generation: GenerationNumber) { waiting.insert(generation) }

    /// The next one to release; nil for none. One at a time.
    package mutating func begin() -> GenerationNumber? {
        underWay = waiting.popFirst()
        return underWay
    }

    /// The one that was begun has been released, or is to be tried again.
    package mutating func end(isReleased: Bool) {
        if !isReleased, let underWay { waiting.insert(underWay) }
        underWay = nil
    }

    /// A generation is about to be acquired again, and so not to be released any more.
    ///
    /// - Returns: false while it is being released: the acquisition has to wait, or would be undone.
    package mutating func keep(_ generation: GenerationNumber) -> Bool {
        guard underWay != generation else { return false }
        waiting.remove(generation)
        return true
    }
}
