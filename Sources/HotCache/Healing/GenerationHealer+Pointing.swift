internal import Engine
internal import Postgres
internal import Redis
internal import Refold
internal import Timing

/// Hot rows that were sent to the cache before the database has committed them.
struct PreloadedRows: Sendable {
    let fencingValue: FencingValue
    /// The generation's position with them.
    let position: Int64
    let rows: WarmedRows
    let start: ContinuousClock.Instant
    /// How often the database server had lost something by then.
    let losses: Int
}

/// What a generation needs before and after a pointer moves to it.
extension GenerationHealer {
    /// Sends the hot rows among those of a whole table, while the database still stores them.
    ///
    /// - Parameters:
    ///   - position: the generation's position with these rows.
    ///   - ttl: how long they last if nobody points at them.
    /// - Returns: nil when finding them takes too much memory: the database finds them later.
    func preload(_ table: BorrowedRows, at position: GlobalPosition, for ttl: Duration) async throws -> PreloadedRows? {
        let (start, losses) = (time.now, queue.losses)
        try await beginWarming()
        let encoder = followed.encoder
        guard let chosen = HotSetSelection(followed.hotSet, from: table.records, encoder: encoder) else { return nil }
        // The server takes one piece while the next is encoded.
        try await withThrowingTaskGroup(of: Void.self) { sending in
            var rest = chosen.hot[...]
            while !rest.isEmpty {
                let rows = encoder.encodePiece(
                    of: &rest,
                    rows: HotSetReader.piece,
                    bytes: HotSetReader.bytesPerPiece
                )
                try await sending.waitForAll()
                sending.addTask { try await cache.warm(rows) }
            }
            try await sending.waitForAll()
        }
        try await preloadRankings(chosen)
        try await cache.keep(for: ttl)
        return PreloadedRows(
            fencingValue: followed.fencingValue,
            position: position.rawValue,
            rows: WarmedRows(count: chosen.hot.count, isCrowded: chosen.isCrowded),
            start: start,
            losses: losses
        )
    }

    private func preloadRankings(_ chosen: HotSetSelection) async throws {
        let encoder = followed.encoder
        if let times = chosen.times {
            let members = try await TimeRankingWriter(cache, times)
            for first in stride(from: 0, to: chosen.top.count, by: HotSetReader.piece) {
                let piece = chosen.top[first..<min(first + HotSetReader.piece, chosen.top.count)]
                try await members.take(encoder.encodeRanked(Array(piece)))
            }
            return try await members.finish()
        }
        try await cache.emptyTimes(isOnlyLeftOver: true)
        try await cache.replaceRanking(Array("top".utf8), by: encoder.encodeRanked(chosen.top))
        let groups = RankingWriter(cache)
        try await groups.take(encoder.encodeRanked(chosen.groups))
        try await groups.finish()
    }

    /// Confirms that what was sent beforehand is committed.
    ///
    /// - Returns: nil when it is not, or has gone from the cache meanwhile.
    func confirm(_ preloaded: PreloadedRows, for ttl: Duration) async throws -> WarmResult? {
        let lease = try await CheckpointStore(connections.openDatabase()).lease(of: followed.generation)
        guard lease.fencingValue == preloaded.fencingValue, lease.position.rawValue == preloaded.position else {
            return nil
        }
        do {
            return try await finishWarming(
                preloaded.rows,
                through: preloaded.position,
                for: ttl,
                since: preloaded.start
            )
        } catch CacheFailure.unowned {
            return nil
        }
    }

    /// Brings the generation up to its checkpoint and moves the cache's pointer to it, once PostgreSQL's points there.
    ///
    /// - Returns: whether the cache points at it now.
    func point(_ pointers: PointerKeeper) async throws -> Bool {
        let cached = try await cache.pointer()
        let pointer = try await LivePointer(
            of: followed.hotSet.projection,
            checkpointOf: followed.generation,
            on: connections.openDatabase()
        )
        guard pointer.live == followed.generation else { return false }
        if cached.owner == followed.fencingValue {
            // Still ours, although the lease is not: the next owner takes the key before it writes.
            if cached.through == followed.sent { try await send() }
            if queue.followed(followed.generation)?.sent ?? -1 < pointer.position {
                _ = try await warm(isConfirmed: true)
            }
        } else if cached.owner == nil, cached.through ?? pointer.position != pointer.position {
            // Left over from when it was live before, without an owner: no rows are better than old ones.
            try await cache.drop()
        }
        return try await pointers.point(cache, from: cached, to: pointer)
    }
}
