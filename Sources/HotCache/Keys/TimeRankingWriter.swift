internal import Engine
internal import Redis

/// Writes the sets of a ranking by time anew, from members that come piece by piece, in any order.
actor TimeRankingWriter {
    private let cache: GenerationCache
    private let times: TimeRanking
    private var calls: [RedisCommand] = []
    private var call: RedisCommand
    private var inCall = 0

    /// From here on, until ``finish()``, the sets do not count.
    init(_ cache: GenerationCache, _ times: TimeRanking) async throws {
        self.cache = cache
        self.times = times
        call = cache.filling()
        try await cache.emptyTimes()
    }

    func take(_ rows: HotRows) async throws {
        for row in rows.rows where !row.score.isNaN {
            call.append(row, of: rows)
            call.append(cache.groupName(of: row, in: rows, among: times.groups) ?? [])
            inCall += 1
            if inCall == GenerationCache.keysPerCall || call.byteCount > GenerationCache.bytesPerCall {
                try await endCall()
            }
        }
    }

    /// Sends what is left, and says from which score on the sets have all keys.
    func finish() async throws {
        calls.append(call)
        calls.append(cache.filling(since: times.since))
        try await cache.replace(calls)
        calls.removeAll()
    }

    private func endCall() async throws {
        calls.append(call)
        (call, inCall) = (cache.filling(), 0)
        guard calls.count == GenerationCache.callsPerPipeline else { return }
        try await cache.replace(calls)
        calls.removeAll()
    }
}

/// The steps of writing a ranking by time anew.
extension GenerationCache {
    /// Empties its sets.
    ///
    /// - Parameter isOnlyLeftOver: the projection has another ranking now; nothing is done where there is none by time.
    func emptyTimes(isOnlyLeftOver: Bool = false) async throws {
        var condition: RedisArgument = isOnlyLeftOver ? "1" : ""
        while true {
            let emptied = try await answers([call(.empty, [.integer(Int64(Self.keysPerCall)), condition])])
            if emptied[0].dropFirst().first?.integerValue ?? 0 == 0 { break }
            condition = ""
        }
    }

    /// The beginning of a call that adds members; score, key and group of each follow.
    ///
    /// - Parameter since: the score above which all keys are there with this call.
    fileprivate func filling(since: Double? = nil) -> RedisCommand {
        var call = redis[.fill].call(keyCount: 0, capacity: 4096)
        call.append(base)
        call.append(fencingValue.rawValue)
        if let since { call.append(since) } else { call.append("") }
        return call
    }

    /// The name of the sorted set of a row's group, if that is one of those that have a set.
    fileprivate func groupName(of row: HotRows.Row, in rows: HotRows, among groups: Set<[UInt8]>) -> [UInt8]? {
        guard row.hasGroup, groups.contains(Array(rows.bytes[row.jsonEnd..<row.groupEnd])) else { return nil }
        return groupName(of: row, in: rows)
    }
}
