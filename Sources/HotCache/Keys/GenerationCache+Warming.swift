internal import Engine
internal import Redis

/// Rewriting a hot set.
extension GenerationCache {
    private static let rowsPerTransaction = 500
    private static let bytesPerTransaction = 1 << 20

    /// Writes rows of the hot set as they are in the database. What is stored is replaced without a look: only the
    /// owner writes, and the rows are newer than everything that the owner had sent.
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
                // The look for the next piece is sent along.
                let replies = try await redis.pipeline(transaction + look)
                found = Array(replies.suffix(look.count))
                try checkTransaction(replies.prefix(transaction.count))
            }
            _ = try await redis.send(RedisCommand("UNWATCH", []))
        } catch {
            // Otherwise the next transaction on this connection would fail for the key watched here.
            _ = try? await redis.send(RedisCommand("UNWATCH", []))
            throw error
        }
    }

    /// At least one row, and no more than the server can do at once without a noticeable pause.
    private func piece(of rows: HotRows, from first: Int) -> ArraySlice<HotRows.Row> {
        var (end, size) = (first, 0)
        while end < rows.rows.count, end - first < Self.rowsPerTransaction, size < Self.bytesPerTransaction {
            size += rows.rows[end].groupEnd - rows.rows[end].start
            end += 1
        }
        return rows.rows[first..<end]
    }

    private func writing(_ piece: ArraySlice<HotRows.Row>, of rows: HotRows) -> [RedisCommand] {
        let (prefix, ttl) = (Array((base + "row:").utf8), hotSet.ttlSeconds)
        var hot = RedisCommand("ZADD", [.text(base + "hot")])
        var stale = RedisCommand("ZREM", [.text(base + "stale")])
        var settings: [RedisCommand] = []
        // What is not written stays stale, and its row is removed at the end.
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
                set.append(ttl)
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
        // A refusal on queueing comes first, and says why nothing was done.
        let all = replies + (replies.last?.elements ?? [])
        if let refusal = all.lazy.compactMap(\.error).first { throw CacheFailure.refused(refusal) }
        if replies.last?.isNull ?? true { throw CacheFailure.fenced }
    }

    /// Removes rows that were cached before and are not hot any more, then records that everything up to a position is
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
}
