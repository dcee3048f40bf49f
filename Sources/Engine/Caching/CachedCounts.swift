/// How many rows are newer than a moment, by a ranking by time in the cache.
package struct CachedCounts: Sendable, Equatable {
    /// The rows of one value of the group column. Texts that are canonically equal may both be there: they are bytes.
    package struct Group: Sendable, Equatable {
        package let value: String
        package let count: Int

        package init(value: String, count: Int) {
            self.value = value
            self.count = count
        }
    }

    /// The generation that is live there.
    package let generation: GenerationNumber
    /// All of them.
    package let total: Int
    /// Those of each value that has any, in no order; nil when not every row is in a group's set.
    package let groups: [Group]?

    package init(generation: GenerationNumber, total: Int, groups: [Group]?) {
        self.generation = generation
        self.total = total
        self.groups = groups
    }
}
