internal import Engine
internal import Redis
internal import Refold
internal import Timing

/// The keys of one generation, written over one connection for one fencing value of its lease.
///
/// One writer at a time: ``RedisCacheWriter`` ensures it.
struct GenerationCache: Sendable {
    let redis: CacheConnection
    let keys: CacheKeys
    let hotSet: HotSet
    let generation: GenerationNumber
    let fencingValue: FencingValue
    let warnings: CacheWarnings

    /// What a call of a script changes at most, so that the server is never held up for more than some milliseconds.
    static let rowsPerCall = 200
    /// Keys that a call of a script passes over or removes at most.
    static let keysPerCall = 1000
    static let bytesPerCall = 256 << 10
    /// Calls sent before their replies are awaited.
    static let callsPerPipeline = 32
    private static let bytesPerPipeline = 2 << 20

    var base: String { keys.base(generation) }

    init(
        of followed: FollowedGeneration,
        _ server: CacheServer,
        _ redis: CacheConnection,
        _ warnings: CacheWarnings
    ) {
        self.redis = redis
        keys = server.keys(followed.hotSet.projection)
        hotSet = followed.hotSet
        generation = followed.generation
        fencingValue = followed.fencingValue
        self.warnings = warnings
    }

    /// What the cache says about the generation and its projection's pointer.
    ///
    /// - Parameter renewing: a call of a script that is sent along.
    func pointer(renewing: RedisCommand? = nil) async throws -> CachedPointer {
        try await CachedPointer(keys, generation, from: redis, warnings: warnings, renewing: renewing)
    }

    // MARK: Owning

    /// Makes the fencing value the owner's; the caller has confirmed it in PostgreSQL after `found` was read. What was cached is
    /// stale from here on.
    func adopt(from found: FencingValue?) async throws {
        let call = redis[.adopt].call(
            keys: [keys.live],
            arguments: [
                .text(base), .integer(fencingValue.rawValue), .text(found.map { "\($0)" } ?? ""),
                .integer(generation.rawValue),
                .integer(PointerKeeper.ttl.milliseconds),
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
    ///   - progressed: called with each part that has arrived.
    /// - Returns: the sorted sets that may lack a key now.
    /// - Throws: ``CacheFailure/incomplete`` when a part of a ranking by time is gone.
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
        // Its sets are filled all together, not one by one.
        if !names.isEmpty, hotSet.ranking?.isByTime ?? false { throw CacheFailure.incomplete }
        return names
    }

    private func writing(through position: Int64?) -> RedisCommand {
        let isByTime = hotSet.ranking?.isByTime ?? false
        var call = redis[isByTime ? .writeTimes : .write].call(
            keyCount: 0,
            capacity: position == nil ? Self.bytesPerCall : 128
        )
        call.append(base)
        call.append(fencingValue.rawValue)
        call.append(hotSet.ttlSeconds)
        call.append(Int64(hotSet.settings.limit))
        if let within = hotSet.within { call.append(within) } else { call.append("") }
        call.append(HotSet.now)
        call.append(Int64(hotSet.ranking?.best ?? 0))
        call.append(Int64(hotSet.ranking?.groups ?? 0))
        if let position { call.append(position) } else { call.append("") }
        if let within = hotSet.ranking?.within { call.append(within) } else { call.append("") }
        return call
    }

    private func append(_ row: HotRows.Row, of rows: HotRows, to call: inout RedisCommand) {
        call.append(row.position)
        let isTooLarge = isTooLarge(row, of: rows)
        rows.bytes.withUnsafeBytes { bytes in
            call.append(UnsafeRawBufferPointer(rebasing: bytes[row.start..<row.keyEnd]))
            // Without its JSON it leaves the cache, like one that is not hot.
            call.append(UnsafeRawBufferPointer(rebasing: bytes[row.keyEnd..<(isTooLarge ? row.keyEnd : row.jsonEnd)]))
        }
        call.appendScore(row.order)
        call.appendScore(row.score)
        call.append(groupName(of: row, in: rows) ?? [])
    }

    /// Whether the server would not take a row; it is then left out, and readers find it by SQL.
    func isTooLarge(_ row: HotRows.Row, of rows: HotRows) -> Bool {
        guard row.jsonEnd - row.keyEnd > redis.largestRow else { return false }
        warnings.tooLarge(
            keys.projection,
            key: rows.bytes[row.start..<row.keyEnd],
            size: row.jsonEnd - row.keyEnd,
            limit: redis.largestRow
        )
        return true
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

    // MARK: Calls

    func call(_ script: CacheScript, _ arguments: [RedisArgument]) -> RedisCommand {
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
