internal import Redis
internal import Refold

/// The keys of one generation, written over one connection for one epoch of its lease.
///
/// One writer at a time: ``HotCache`` sees to it.
struct GenerationCache: Sendable {
    let redis: RedisConnection
    let keys: CacheKeys
    let hotSet: HotSet
    let generation: Int64
    let epoch: Int64

    /// What a call of a script changes at most, so that the server is never held up for more than some milliseconds.
    static let rowsPerCall = 200
    private static let rowsPerTransaction = 500
    private static let bytesPerCall = 256 << 10
    /// Calls that are sent before their replies are waited for.
    private static let callsPerPipeline = 32

    private var base: String { keys.base(generation) }

    // MARK: Owning

    /// The epoch in the owner's key; nil for none.
    func owner() async throws -> Int64? {
        try await redis.send(RedisCommand("GET", [keys.key(generation, "owner")])).integerValue
    }

    /// Makes the epoch the owner's; the caller has confirmed it in PostgreSQL after `found` was read.
    func adopt(from found: Int64?) async throws {
        let call = call(CacheScripts.adopt, [.text(found.map { "\($0)" } ?? "")])
        _ = try await answers([call])
    }

    // MARK: Changed rows

    /// Writes changed rows in order, then moves `through` to the position that is reached with them.
    ///
    /// - Parameter position: nil when more of them are to come.
    /// - Returns: the sorted sets that may lack a key now.
    func write(_ windows: [HotRows], through position: Int64?) async throws -> Set<String> {
        var calls: [RedisCommand] = []
        var call = writing(through: nil)
        var count = 0
        var incomplete: Set<String> = []
        for rows in windows {
            for row in rows.rows {
                if count == Self.rowsPerCall || call.byteCount > Self.bytesPerCall {
                    calls.append(call)
                    (call, count) = (writing(through: nil), 0)
                }
                append(row, of: rows, to: &call)
                count += 1
                if calls.count == Self.callsPerPipeline {
                    incomplete.formUnion(try await refills(calls))
                    calls.removeAll()
                }
            }
        }
        if count > 0 { calls.append(call) }
        if let position { calls.append(writing(through: position)) }
        incomplete.formUnion(try await refills(calls))
        return incomplete
    }

    private func refills(_ calls: [RedisCommand]) async throws -> Set<String> {
        Set(try await answers(calls).flatMap { $0.dropFirst().compactMap(\.text) })
    }

    private func writing(through position: Int64?) -> RedisCommand {
        var call = CacheScripts.write.call(keyCount: 0, capacity: position == nil ? Self.bytesPerCall : 128)
        call.append(base)
        call.append(epoch)
        call.append(hotSet.lifetimeSeconds)
        call.append(Int64(hotSet.settings.limit))
        if let within = hotSet.within { call.append(within) } else { call.append("") }
        call.append(Int64(hotSet.ranking?.best ?? 0))
        if let position { call.append(position) } else { call.append("") }
        return call
    }

    private func append(_ row: HotRows.Row, of rows: HotRows, to call: inout RedisCommand) {
        call.append(row.position)
        rows.bytes.withUnsafeBytes { bytes in
            call.append(UnsafeRawBufferPointer(rebasing: bytes[row.start..<row.keyEnd]))
            call.append(UnsafeRawBufferPointer(rebasing: bytes[row.keyEnd..<row.jsonEnd]))
        }
        call.appendScore(row.order)
        call.appendScore(row.score)
        call.append(groupName(of: row, in: rows) ?? [])
    }

    // MARK: Warming

    /// Writes rows of the hot set as they are in the database. What stands there is replaced unseen: nobody but the owner
    /// writes, and the rows are newer than everything that the owner had sent.
    ///
    /// In transactions that fail when the owner's key changes, since a script takes twice as long for this: all values pass
    /// through its interpreter.
    func warm(_ rows: HotRows) async throws {
        let owner = keys.key(generation, "owner")
        let look = [RedisCommand("WATCH", [owner]), RedisCommand("GET", [owner])]
        do {
            var found = try await redis.pipeline(look)
            for first in stride(from: 0, to: rows.rows.count, by: Self.rowsPerTransaction) {
                try checkOwner(found)
                let piece = rows.rows[first..<min(first + Self.rowsPerTransaction, rows.rows.count)]
                let transaction = [RedisCommand("MULTI", [])] + writing(piece, of: rows) + [RedisCommand("EXEC", [])]
                // The look for the next piece goes along.
                let replies = try await redis.pipeline(transaction + look)
                found = Array(replies.suffix(look.count))
                try checkTransaction(replies.prefix(transaction.count))
            }
            _ = try await redis.send(RedisCommand("UNWATCH", []))
        } catch {
            // Else the next transaction on this connection would fail for the key watched here.
            _ = try? await redis.send(RedisCommand("UNWATCH", []))
            throw error
        }
    }

    private func writing(_ piece: ArraySlice<HotRows.Row>, of rows: HotRows) -> [RedisCommand] {
        let (prefix, lifetime) = (Array((base + "row:").utf8), hotSet.lifetimeSeconds)
        var hot = RedisCommand("ZADD", [.text(base + "hot")])
        var stale = RedisCommand("ZREM", [.text(base + "stale")])
        let settings = rows.bytes.withUnsafeBytes { bytes in
            piece.map { row in
                let key = UnsafeRawBufferPointer(rebasing: bytes[row.start..<row.keyEnd])
                let json = UnsafeRawBufferPointer(rebasing: bytes[row.keyEnd..<row.jsonEnd])
                hot.append(row.order)
                hot.append(key)
                stale.append(key)
                var set = RedisCommand("SET", capacity: prefix.count + key.count + json.count + 64)
                set.append(prefix + key)
                set.append(json)
                set.append("EX")
                set.append(lifetime)
                return set
            }
        }
        return settings + [hot, stale]
    }

    /// Whether the owner's key, watched from here on, has the epoch.
    private func checkOwner(_ found: [RedisReply]) throws {
        if let refusal = found.lazy.compactMap(\.error).first { throw CacheFailure.refused(refusal) }
        guard let owner = found.last?.integerValue else { throw CacheFailure.unowned }
        if owner != epoch { throw CacheFailure.fenced }
    }

    private func checkTransaction(_ replies: ArraySlice<RedisReply>) throws {
        // What was refused when it was queued comes first, and says why nothing was done.
        let all = replies + (replies.last?.elements ?? [])
        if let refusal = all.lazy.compactMap(\.error).first { throw CacheFailure.refused(refusal) }
        if replies.last?.isNull ?? true { throw CacheFailure.fenced }
    }

    /// Replaces the sorted sets by what the database has, and forgets those that have no row any more.
    ///
    /// - Parameters:
    ///   - top: the best rows overall, in any order.
    ///   - groups: the best rows of each group, in any order.
    func replaceRankings(top: HotRows, groups: HotRows) async throws {
        let cached = try await redis.send(RedisCommand("SMEMBERS", [keys.key(generation, "groups")]))
        var members = Dictionary(grouping: groups.rows) { groupName(of: $0, in: groups) ?? [] }
        for name in cached.elements?.compactMap(\.bytes) ?? [] where members[name] == nil { members[name] = [] }
        let calls = members.map { replacing($0, groups, $1) }
        _ = try await answers([replacing(Array("top".utf8), top, top.rows)] + calls)
    }

    /// Replaces one sorted set.
    ///
    /// - Parameter name: `top`, or the name of a group's set.
    func replaceRanking(_ name: String, by rows: HotRows) async throws {
        _ = try await answers([replacing(Array(name.utf8), rows, rows.rows)])
    }

    private func replacing(_ name: [UInt8], _ rows: HotRows, _ members: [HotRows.Row]) -> RedisCommand {
        var call = CacheScripts.replace.call(keyCount: 0, capacity: 256 + 64 * members.count)
        call.append(base)
        call.append(epoch)
        call.append(name)
        for row in members where !row.score.isNaN {
            call.append(row.score)
            rows.withKey(row) { call.append($0) }
        }
        return call
    }

    /// The name of the sorted set of a row's group; nil for a row without one.
    private func groupName(of row: HotRows.Row, in rows: HotRows) -> [UInt8]? {
        guard row.hasGroup, let prefix = hotSet.groupPrefix else { return nil }
        return Array(prefix.utf8) + rows.bytes[row.jsonEnd..<row.groupEnd]
    }

    /// Removes rows that were cached before and are not hot any more, then says that everything up to a position is
    /// there.
    func finish(through position: Int64) async throws {
        while true {
            let swept = try await answers([call(CacheScripts.sweep, [1000])])
            if swept[0].dropFirst().first?.integerValue ?? 0 == 0 { break }
        }
        _ = try await answers([call(CacheScripts.finish, [.integer(position)])])
    }

    // MARK: Keeping and leaving

    /// Makes what is not a row last, or expire.
    func keep(for lifetime: Duration?) async throws {
        let arguments: [RedisArgument] = [
            .text(base), .text(lifetime.map { "\($0.components.seconds)" } ?? ""),
        ]
        _ = try await answers([CacheScripts.keep.call(keys: [], arguments: arguments)])
    }

    /// Lets another generation of the projection expire, unless it is live.
    func retire(_ other: Int64, within lifetime: Duration) async throws {
        var first: Int64 = 0
        while true {
            let call = CacheScripts.retire.call(
                keys: [keys.live],
                arguments: [
                    .text(keys.base(other)), .integer(lifetime.components.seconds), .integer(other), .integer(first),
                    1000,
                ]
            )
            let count = try await answers([call])[0].dropFirst().first?.integerValue ?? 0
            if count < 1000 { return }
            first += count
        }
    }

    /// Takes the generation out of the cache: a look-up that misses is right, one that finds a row which could not be
    /// replaced is not.
    func drop() async throws {
        let call = CacheScripts.drop.call(keys: [], arguments: [.text(base), 1000])
        while try await answers([call])[0].dropFirst().first?.integerValue ?? 0 > 0 {}
    }

    // MARK: Calls

    private func call(_ script: RedisScript, _ arguments: [RedisArgument]) -> RedisCommand {
        script.call(keys: [], arguments: [.text(base), .integer(epoch)] + arguments)
    }

    private func answers(_ calls: [RedisCommand]) async throws -> [[RedisReply]] {
        var answers: [[RedisReply]] = []
        for first in stride(from: 0, to: calls.count, by: Self.callsPerPipeline) {
            let piece = Array(calls[first..<min(first + Self.callsPerPipeline, calls.count)])
            for reply in try await redis.pipeline(piece, loading: CacheScripts.all) {
                answers.append(try CacheFailure.check(reply))
            }
        }
        return answers
    }
}

/// Why a script did nothing.
enum CacheFailure: Error {
    /// The owner's key is gone: the server was flushed, restarted or evicted it.
    case unowned
    /// Another epoch owns the generation's keys.
    case fenced
    /// The server refused: out of memory, loading, a replica.
    case refused(RedisReplyError)

    /// The elements of an answer that begins with `ok`.
    static func check(_ reply: RedisReply) throws(CacheFailure) -> [RedisReply] {
        if let refusal = reply.error { throw .refused(refusal) }
        let answer = reply.elements ?? []
        switch answer.first?.text {
        case "ok": return answer
        case "unowned": throw .unowned
        default: throw .fenced
        }
    }
}

extension RedisCommand {
    /// A number, or nothing for NaN.
    fileprivate mutating func appendScore(_ number: Double) {
        if number.isNaN { append("") } else { append(number) }
    }
}
