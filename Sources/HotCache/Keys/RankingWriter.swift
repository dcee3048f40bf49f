internal import Engine
internal import Redis

/// Replaces the sorted sets of groups by rows that come group after group, piece by piece: it keeps one group's members,
/// and the names.
actor RankingWriter {
    private let cache: GenerationCache
    private var name: [UInt8] = []
    private var call: RedisCommand?
    private var calls: [RedisCommand] = []
    private var names: Set<[UInt8]> = []

    init(_ cache: GenerationCache) {
        self.cache = cache
    }

    /// Takes rows in any order. From one call to the next they are in the order of their groups' bytes.
    func take(_ rows: HotRows) async throws {
        func group(_ row: HotRows.Row) -> ArraySlice<UInt8> { rows.bytes[row.jsonEnd..<row.groupEnd] }
        for row in rows.rows.sorted(by: { group($0).lexicographicallyPrecedes(group($1)) }) {
            guard let group = cache.groupName(of: row, in: rows) else { continue }
            if call == nil || group != name {
                try await endGroup()
                (name, call) = (group, cache.replacing(group, capacity: 4096))
            }
            call?.append(row, of: rows)
        }
    }

    /// Sends what is left, and forgets the groups that were cached before and did not come.
    func finish() async throws {
        try await endGroup()
        try await send()
        try await cache.forgetGroups(except: names)
    }

    private func endGroup() async throws {
        guard let call = call.take() else { return }
        calls.append(call)
        names.insert(name)
        if calls.count == GenerationCache.callsPerPipeline { try await send() }
    }

    private func send() async throws {
        try await cache.replace(calls)
        calls.removeAll()
    }
}
