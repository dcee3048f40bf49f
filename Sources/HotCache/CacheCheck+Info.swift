package import Engine

extension CacheCheck {
    /// - Parameter info: the answer of `INFO`, at least the sections server, memory, replication and cluster.
    package init(info: String) {
        var values: [String: String] = [:]
        for line in info.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { values[String(parts[0])] = String(parts[1]) }
        }
        let version = values["redis_version"] ?? "unknown"
        let policy = values["maxmemory_policy"] ?? "unknown"
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
        self.init(
            version: version,
            policy: policy,
            memoryLimit: values["maxmemory"].flatMap { Int($0) } ?? 0,
            memoryUsed: values["used_memory"].flatMap { Int($0) } ?? 0,
            problems: problems
        )
    }
}
