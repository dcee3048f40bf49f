internal import Redis
internal import Refold

/// The keys of one generation, written over one connection for one fencing value of its lease.
///
/// One writer at a time: ``HotCache`` sees to it.
struct GenerationCache: Sendable {
    let redis: CacheConnection
    let keys: CacheKeys
    let hotSet: HotSet
    let generation: GenerationNumber
    let fencingValue: FencingValue
    let warnings: CacheWarnings

    /// What a call of a script changes at most, so that the server is never held up for more than some milliseconds.
    static let rowsPerCall = 200
    /// Keys that a call of a script passes over or takes away at most.
    private static let keysPerCall = 1000
    private static let rowsPerTransaction = 500
    private static let bytesPerTransaction = 1 << 20
    private static let bytesPerCall = 256 << 10
    /// Calls that are sent before their replies are waited for.
    static let callsPerPipeline = 32
    private static let bytesPerPipeline = 2 << 20

    private var base: String { keys.base(generation) }

    // MARK: Owning

    /// Makes the fencing value the owner's; the caller has confirmed it in PostgreSQL after `found` was read. What was cached is
    /// stale from here on.
    func adopt(from found: FencingValue?) async throws {
        let call = redis[.adopt].call(
            keys: [keys.live],
            arguments: [
                .text(base), .integer(fencingValue.rawValue), .text(found.map { "\($0)" } ?? ""),
                .integer(generation.rawValue),
                .integer(HotCache.pointerLease.milliseconds),
            ]
        )
        _ = try await answers([call])
        while true {
            let aged = try await answers([self.call(.age, [.integer(Int64(Self.keysPerCall))])])
            if aged[0].dropFirst().first?.integerValue ?? 0 == 0 { break }
        }
    }

    // MARK: Changed rows

    /// Writes changed rows in order, then moves `through` to the position that is reached with them.
    ///
    /// - Parameters:
    ///   - position: nil when more of them are to come.
    ///   - progressed: told of each part that has arrived.
    /// - Returns: the sorted sets that may lack a key now.
    func write(
        _ windows: [HotRows],
        through position: Int64?,
        progressed: @Sendable () -> Void = {}
    ) async throws -> Set<[UInt8]> {
        var calls: [RedisCommand] = []
        var call = writing(through: nil)
        var (count, bytes) = (0, 0)
        var incomplete: Set<[UInt8]> = []
        for rows in windows {
            for row in rows.rows {
                if count == Self.rowsPerCall || call.byteCount > Self.bytesPerCall {
                    calls.append(call)
                    bytes += call.byteCount
                    (call, count) = (writing(through: nil), 0)
                }
                if calls.count == Self.callsPerPipeline || bytes > Self.bytesPerPipeline {
                    incomplete.formUnion(try await refills(calls))
                    calls.removeAll()
                    bytes = 0
                    progressed()
                }
                append(row, of: rows, to: &call)
                count += 1
            }
        }
        if count > 0 { calls.append(call) }
        if let position { calls.append(writing(through: position)) }
        incomplete.formUnion(try await refills(calls))
        return incomplete
    }

    private func refills(_ calls: [RedisCommand]) async throws -> Set<[UInt8]> {
        var names: Set<[UInt8]> = []
        for answer in try await answers(calls) {
            guard answer.count > 2 else { continue }
            if answer[1].integerValue ?? 0 > 0 { warnings.tooManyGroups(hotSet, generation) }
            warnings.removed(answer[2].elements?.compactMap(\.bytes) ?? [])
            names.formUnion(answer.dropFirst(3).compactMap(\.bytes))
        }
        return names
    }

    private func writing(through position: Int64?) -> RedisCommand {
        var call = redis[.write].call(keyCount: 0, capacity: position == nil ? Self.bytesPerCall : 128)
        call.append(base)
        call.append(fencingValue.rawValue)
        call.append(hotSet.lifetimeSeconds)
        call.append(Int64(hotSet.settings.limit))
        if let within = hotSet.within { call.append(within) } else { call.append("") }
        call.append(HotSet.now)
        call.append(Int64(hotSet.ranking?.best ?? 0))
        call.append(Int64(hotSet.ranking?.groups ?? 0))
        if let position { call.append(position) } else { call.append("") }
        return call
    }

    private func append(_ row: HotRows.Row, of rows: HotRows, to call: inout RedisCommand) {
        call.append(row.position)
        let isTooLarge = isTooLarge(row, of: rows)
        rows.bytes.withUnsafeBytes { bytes in
            call.append(UnsafeRawBufferPointer(rebasing: bytes[row.start..<row.keyEnd]))
            // Without its JSON it goes from the cache, as one that is not hot.
            call.append(UnsafeRawBufferPointer(rebasing: bytes[row.keyEnd..<(isTooLarge ? row.keyEnd : row.jsonEnd)]))
        }
        call.appendScore(row.order)
        call.appendScore(row.score)
        call.append(groupName(of: row, in: rows) ?? [])
    }

    /// Whether the server would not take a row; it is then left out, and readers find it by SQL.
    private func isTooLarge(_ row: HotRows.Row, of rows: HotRows) -> Bool {
        guard row.jsonEnd - row.keyEnd > redis.largestRow else { return false }
        warnings.tooLarge(
            keys.projection,
            key: rows.bytes[row.start..<row.keyEnd],
            size: row.jsonEnd - row.keyEnd,
            limit: redis.largestRow
        )
        return true
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
            var first = 0
            while first < rows.rows.count {
                try checkOwner(found)
                let piece = piece(of: rows, from: first)
                first = piece.endIndex
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

    /// At least one row, and no more than the server does at once without anybody noticing.
    private func piece(of rows: HotRows, from first: Int) -> ArraySlice<HotRows.Row> {
        var (end, size) = (first, 0)
        while end < rows.rows.count, end - first < Self.rowsPerTransaction, size < Self.bytesPerTransaction {
            size += rows.rows[end].groupEnd - rows.rows[end].start
            end += 1
        }
        return rows.rows[first..<end]
    }

    private func writing(_ piece: ArraySlice<HotRows.Row>, of rows: HotRows) -> [RedisCommand] {
        let (prefix, lifetime) = (Array((base + "row:").utf8), hotSet.lifetimeSeconds)
        var hot = RedisCommand("ZADD", [.text(base + "hot")])
        var stale = RedisCommand("ZREM", [.text(base + "stale")])
        var settings: [RedisCommand] = []
        // What is not written stays stale, and its row goes at the end.
        for row in piece where !isTooLarge(row, of: rows) {
            rows.bytes.withUnsafeBytes { bytes in
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
                settings.append(set)
            }
        }
        return settings.isEmpty ? [] : settings + [hot, stale]
    }

    /// Whether the owner's key, watched from here on, has the fencing value.
    private func checkOwner(_ found: [RedisReply]) throws {
        if let refusal = found.lazy.compactMap(\.error).first { throw CacheFailure.refused(refusal) }
        guard let owner = found.last?.integerValue else { throw CacheFailure.unowned }
        if owner != fencingValue.rawValue { throw CacheFailure.fenced }
    }

    private func checkTransaction(_ replies: ArraySlice<RedisReply>) throws {
        // What was refused when it was queued comes first, and says why nothing was done.
        let all = replies + (replies.last?.elements ?? [])
        if let refusal = all.lazy.compactMap(\.error).first { throw CacheFailure.refused(refusal) }
        if replies.last?.isNull ?? true { throw CacheFailure.fenced }
    }

    /// Removes rows that were cached before and are not hot any more, then says that everything up to a position is
    /// there.
    ///
    /// - Parameter isCrowded: there are more groups than have a set.
    func finish(through position: Int64, isCrowded: Bool) async throws {
        while true {
            let swept = try await answers([call(.sweep, [.integer(Int64(Self.keysPerCall))])])
            if swept[0].dropFirst().first?.integerValue ?? 0 == 0 { break }
        }
        if isCrowded { warnings.tooManyGroups(hotSet, generation) }
        _ = try await answers([call(.finish, [.integer(position), isCrowded ? "1" : ""])])
    }

    // MARK: Rankings

    /// The beginning of a call that replaces a sorted set; score and key of each member follow.
    func replacing(_ name: [UInt8], capacity: Int = 0) -> RedisCommand {
        var call = redis[.replace].call(keyCount: 0, capacity: 256 + capacity)
        call.append(base)
        call.append(fencingValue.rawValue)
        call.append(name)
        return call
    }

    /// Replaces sorted sets.
    func replace(_ calls: [RedisCommand]) async throws {
        for answer in try await answers(calls) {
            warnings.removed(answer.dropFirst().first?.elements?.compactMap(\.bytes) ?? [])
        }
    }

    /// Replaces one sorted set.
    ///
    /// - Parameter name: `top`, or the name of a group's set.
    func replaceRanking(_ name: [UInt8], by rows: HotRows) async throws {
        var call = replacing(name, capacity: 64 * rows.rows.count)
        for row in rows.rows { call.append(row, of: rows) }
        try await replace([call])
    }

    /// Forgets the groups that have no set any more, a piece at a time.
    func forgetGroups(except names: Set<[UInt8]>) async throws {
        var cursor: RedisArgument = "0"
        repeat {
            let scan = RedisCommand(
                "SSCAN",
                [keys.key(generation, "groups"), cursor, "COUNT", .integer(Int64(Self.keysPerCall))]
            )
            let page = try await redis.send(scan).elements ?? []
            guard page.count == 2, let next = page[0].bytes else { return }
            let gone = (page[1].elements ?? []).compactMap(\.bytes).filter { !names.contains($0) }
            try await replace(gone.map { replacing($0) })
            cursor = .bytes(next)
        } while cursor != .bytes([UInt8(ascii: "0")])
    }

    /// The name of the sorted set of a row's group; nil for a row without one.
    func groupName(of row: HotRows.Row, in rows: HotRows) -> [UInt8]? {
        guard row.hasGroup, let prefix = hotSet.groupPrefix else { return nil }
        return prefix + rows.bytes[row.jsonEnd..<row.groupEnd]
    }

    // MARK: Keeping and leaving

    /// Makes what is not a row last, or expire if it is not live.
    func keep(for lifetime: Duration?) async throws { try await keep(generation, for: lifetime) }

    private func keep(_ number: GenerationNumber, for lifetime: Duration?) async throws {
        var cursor: RedisArgument = "0"
        repeat {
            let call = redis[.keep].call(
                keys: [keys.live],
                arguments: [
                    .text(keys.base(number)), .text(lifetime.map { "\($0.components.seconds)" } ?? ""),
                    .integer(number.rawValue), cursor, .integer(Int64(Self.keysPerCall)),
                ]
            )
            cursor = try await answers([call])[0].dropFirst().first?.bytes.map { .bytes($0) } ?? "0"
        } while cursor != .bytes([UInt8(ascii: "0")]) && cursor != "0"
    }

    /// Lets another generation of the projection expire, unless it is live.
    func retire(_ other: GenerationNumber, within lifetime: Duration) async throws {
        var first: Int64 = 0
        while true {
            let call = redis[.retire].call(
                keys: [keys.live],
                arguments: [
                    .text(keys.base(other)), .integer(lifetime.components.seconds), .integer(other.rawValue),
                    .integer(first),
                    .integer(Int64(Self.keysPerCall)),
                ]
            )
            let count = try await answers([call])[0].dropFirst().first?.integerValue ?? 0
            if count < Self.keysPerCall { break }
            first += count
        }
        try await keep(other, for: lifetime)
    }

    /// Takes the generation out of the cache: a look-up that misses is right, one that finds a row which could not be
    /// replaced is not.
    func drop() async throws {
        let call = redis[.drop].call(keys: [], arguments: [.text(base), .integer(Int64(Self.keysPerCall))])
        while try await answers([call])[0].dropFirst().first?.integerValue ?? 0 > 0 {}
    }

    /// The call that sets how long a pointer to the generation lasts.
    ///
    /// - Parameter through: what the cache has to have exactly; nil for what it has.
    func renewing(for lifetime: Duration, through: Int64?) -> RedisCommand {
        redis[.renew].call(
            keys: [keys.live],
            arguments: [
                .text(base), .integer(fencingValue.rawValue), .integer(generation.rawValue),
                .integer(lifetime.milliseconds),
                .text(through.map { "\($0)" } ?? ""),
            ]
        )
    }

    // MARK: Calls

    private func call(_ script: CacheScript, _ arguments: [RedisArgument]) -> RedisCommand {
        redis[script].call(keys: [], arguments: [.text(base), .integer(fencingValue.rawValue)] + arguments)
    }

    func answers(_ calls: [RedisCommand]) async throws -> [[RedisReply]] {
        var answers: [[RedisReply]] = []
        for first in stride(from: 0, to: calls.count, by: Self.callsPerPipeline) {
            let piece = Array(calls[first..<min(first + Self.callsPerPipeline, calls.count)])
            for reply in try await redis.pipeline(piece) {
                answers.append(try CacheFailure.check(reply, warnings))
            }
        }
        return answers
    }
}

extension RedisCommand {
    /// A number, or nothing for NaN.
    fileprivate mutating func appendScore(_ number: Double) {
        if number.isNaN { append("") } else { append(number) }
    }

    /// Score and key of a row, unless it has no score.
    mutating func append(_ row: HotRows.Row, of rows: HotRows) {
        guard !row.score.isNaN else { return }
        append(row.score)
        rows.withKey(row) { append($0) }
    }
}

extension Duration {
    var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
