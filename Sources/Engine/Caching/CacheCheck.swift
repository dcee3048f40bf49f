/// What a Redis server says about itself, and what of that does not go with being Refold's cache.
package struct CacheCheck: Sendable {
    /// The server's version.
    package let version: String
    /// What it does when it has no memory left.
    package let policy: String
    /// Its memory in bytes; 0 for no bound.
    package let memoryLimit: Int
    /// What is in use of it.
    package let memoryUsed: Int
    /// What is wrong, each with what can be done about it; none when all is well.
    package let problems: [(problem: String, remedy: String)]

    /// - Parameter info: the answer of `INFO`, at least the sections server, memory, replication and cluster.
    package init(info: String) {
        var values: [String: String] = [:]
        for line in info.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { values[String(parts[0])] = String(parts[1]) }
        }
        version = values["redis_version"] ?? "unknown"
        policy = values["maxmemory_policy"] ?? "unknown"
        memoryLimit = values["maxmemory"].flatMap { Int($0) } ?? 0
        memoryUsed = values["used_memory"].flatMap { Int($0) } ?? 0
        var problems: [(String, String)] = []
        if policy.hasPrefix("allkeys-") {
            problems.append(
                (
                    "maxmemory-policy is \(policy): rankings and pointers may be evicted",
                    "set maxmemory-policy to volatile-lru or noeviction"
                )
            )
        }
        if values["cluster_enabled"] == "1" {
            problems.append(("the server is part of a cluster", "use a single primary"))
        }
        if let role = values["role"], role != "master" {
            problems.append(("the server is a replica", "give the primary's address"))
        }
        let major = version.split(separator: ".").first.flatMap { Int($0) }
        if let major, major < 5 {
            problems.append(("version \(version) is too old", "use Redis 5 or later"))
        }
        self.problems = problems
    }
}
