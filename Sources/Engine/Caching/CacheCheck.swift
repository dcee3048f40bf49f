/// What the cache's server says about itself, and what of that makes it unfit to be Refold's cache.
package struct CacheCheck: Sendable {
    /// The server's version.
    package let version: String
    /// What it does when it has no memory left.
    package let policy: String
    /// Its memory in bytes; 0 for no bound.
    package let memoryLimit: Int
    /// How much of it is in use.
    package let memoryUsed: Int
    /// What is wrong, each with what can be done about it; none when all is well.
    package let problems: [(problem: String, remedy: String)]

    package init(
        version: String,
        policy: String,
        memoryLimit: Int,
        memoryUsed: Int,
        problems: [(problem: String, remedy: String)]
    ) {
        self.version = version
        self.policy = policy
        self.memoryLimit = memoryLimit
        self.memoryUsed = memoryUsed
        self.problems = problems
    }
}
