import Foundation
import Postgres
import Redis
import TestSupport
import Testing

/// What a site's cache holds, compared with the views.
struct CachedRows {
    private let site: TestSite
    private let redis: RedisConnection
    private let prefix: String

    init(_ site: TestSite, _ redis: RedisConnection) {
        self.site = site
        self.redis = redis
        prefix = site.environment["REFOLD_REDIS_PREFIX"] ?? "refold"
    }

    /// The generation that readers of the cache use; nil when the pointer is missing.
    func live(_ projection: String) async throws -> Int64? {
        try await redis.send("GET", .text("\(prefix):\(projection):live")).text.flatMap { Int64($0) }
    }

    /// The keys of the live generation's rows, without what all of them begin with.
    func keys(_ projection: String) async throws -> [String] {
        guard let live = try await live(projection) else { return [] }
        let start = "\(prefix):\(projection):\(live):row:"
        var keys: [String] = []
        var cursor = "0"
        repeat {
            // The prefix holds no pattern characters.
            let page = try await redis.send("SCAN", .text(cursor), "MATCH", .text(start + "*"), "COUNT", 1_000)
            guard let parts = page.elements, parts.count == 2, let next = parts[0].text else { break }
            keys += (parts[1].elements ?? []).compactMap { $0.text.map { String($0.dropFirst(start.count)) } }
            cursor = next
        } while cursor != "0"
        return Array(Set(keys))
    }

    /// What is wrong with the cache of a projection, in words: a pointer to another generation, rows that differ from
    /// the view's, no row at all. Empty when all is right.
    func complaints(_ projection: String, key column: String) async throws -> [String] {
        let live = try await live(projection)
        guard live == (try await site.liveGeneration(projection)), let live else {
            return ["\(projection): the cache points at \(live.map { "\($0)" } ?? "nothing")"]
        }
        let keys = try await keys(projection)
        if keys.isEmpty { return ["\(projection): nothing is cached"] }
        var found: [String] = []
        for key in keys {
            let row = "\(prefix):\(projection):\(live):row:\(key)"
            guard let text = try await redis.send("GET", .text(row)).text else { continue }
            let view = try await site.connection.query(
                "SELECT to_json(v)::text FROM read_models.\(projection) v WHERE v.\(column) = $1",
                [.text(key)]
            )
            guard view.count == 1 else {
                found.append("\(projection) \(key): cached, but not in the view")
                continue
            }
            guard
                let cached = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any],
                let expected = try JSONSerialization.jsonObject(with: Data(view.text(0, 0).utf8)) as? [String: Any]
            else { return ["\(row) is not an object: \(text)"] }
            if !text.hasPrefix(#"{"_position""#) { found.append("\(row): _position is not the first member") }
            if Set(cached.keys) != Set(expected.keys).union(["_position"]) {
                found.append("\(row): members \(cached.keys)")
            }
            for (name, value) in expected where !Self.areEqual(cached[name], value) {
                found.append("\(row) \(name): \(cached[name] ?? "nothing") instead of \(value)")
            }
        }
        return found
    }

    /// The complaints of all three projections.
    func complaints() async throws -> [String] {
        try await complaints("user_profiles", key: "user_id") + complaints("content_popularity", key: "content_id")
            + complaints("trending_score", key: "content_id")
    }

    private static func areEqual(_ cached: Any?, _ expected: Any) -> Bool {
        switch (cached, expected) {
        case (let left as NSNumber, let right as NSNumber): left.doubleValue == right.doubleValue
        case (is NSNull, is NSNull): true
        case (let left as [String], let right as [String]): left == right
        case (let left as String, let right as String): left == right || time(left) != nil && time(left) == time(right)
        default: false
        }
    }

    /// A timestamp in either of the spellings that PostgreSQL and ISO-8601 have for UTC.
    private static func time(_ text: String) -> String? {
        guard text.utf8.count >= 19, text.utf8.dropFirst(10).first == UInt8(ascii: "T") else { return nil }
        var digits = text
        for zone in ["Z", "+00:00", "+00"] where digits.hasSuffix(zone) { digits.removeLast(zone.count) }
        guard let point = digits.firstIndex(of: ".") else { return digits }
        while digits.last == "0" { digits.removeLast() }
        return digits[point...] == "." ? String(digits.dropLast()) : digits
    }
}

extension TestSite {
    /// Waits until the cache holds nothing but the truth.
    func expectRightCache(_ server: PrivateRedisServer) async throws {
        var complaints = ["nothing was compared"]
        do {
            try await wait(for: "a cache that is right", within: .seconds(30)) {
                let redis = try await server.connect()
                complaints = try await CachedRows(self, redis).complaints()
                await redis.close()
                return complaints.isEmpty
            }
        } catch is DeadlineExceeded {
            Issue.record("the cache stays wrong: \(complaints.prefix(10))")
        }
    }
}
