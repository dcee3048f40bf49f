internal import Engine
internal import Logging
internal import Postgres
internal import Redis
internal import Refold
internal import Timing

/// Repairs what the cache has of one generation: sends windows, reads what was missed, or rewrites the hot set.
struct GenerationHealer: Sendable {
    let followed: FollowedGeneration
    let cache: GenerationCache
    let connections: CacheConnections
    let queue: CacheQueue
    let time: TimeSource
    let logger: Logger

    private var generation: GenerationNumber { followed.generation }
    private var fencingValue: FencingValue { followed.fencingValue }
    private var projection: ProjectionName { followed.hotSet.projection }
    private var reader: HotSetReader { HotSetReader(followed.hotSet, generation: generation) }

    private func update(_ body: (inout FollowedGeneration) -> Void) {
        queue.update(generation, fencingValue: fencingValue, body)
    }

    // MARK: What was committed

    /// Sends the windows that wait.
    ///
    /// - Returns: how many windows were sent.
    @discardableResult
    func send() async throws -> Int {
        let windows = queue.update(generation, fencingValue: fencingValue) { $0.takeWindows() } ?? []
        guard let last = windows.last else { return 0 }
        do {
            let incomplete = try await cache.write(windows.map(\.rows), through: last.through) {
                update { $0.progressed(at: time.now) }
            }
            try await refill(incomplete)
            update { $0.reached(last.through, at: time.now) }
            return windows.count
        } catch {
            update { $0.lost(windows) }
            throw error
        }
    }

    /// Reads what changed behind a position and sends it.
    func refresh(after position: Int64) async throws {
        update { $0.beginHealing(anew: false) }
        let names = NameSet()
        do {
            let reached = try await connections.snapshot { connection in
                let lease = try await CheckpointStore(connection).lease(of: generation)
                guard lease.fencingValue == fencingValue else { throw LeaseLost() }
                _ = try await reader.readChanges(after: position, on: connection) { rows in
                    await names.insert(try await cache.write([rows], through: nil))
                }
                return lease.position.rawValue
            }
            try await refill(names.names.union(try await cache.write([], through: reached)))
            update { $0.reached(reached, at: time.now) }
        } catch {
            update { $0.lost([]) }
            throw error
        }
        logger.debug(
            "the cache was refreshed",
            metadata: ["projection": "\(projection)", "generation": "\(generation)"]
        )
    }

    /// Fills sorted sets that lost a key: others may be next.
    private func refill(_ names: Set<[UInt8]>) async throws {
        guard !names.isEmpty, let ranking = followed.hotSet.ranking else { return }
        let prefix = followed.hotSet.groupPrefix
        try await connections.snapshot { connection in
            for name in names {
                let rows =
                    if let prefix, name.starts(with: prefix) {
                        try reader.readGroup(name.dropFirst(prefix.count), ranking, on: connection)
                    } else {
                        try reader.readTop(ranking, on: connection)
                    }
                try await cache.replaceRanking(name, by: rows)
            }
        }
    }

    // MARK: Rewriting everything

    /// Rewrites a generation's hot set, from one snapshot.
    ///
    /// - Parameters:
    ///   - ttl: how long it lasts if nobody points at it; nil for ever.
    ///   - isConfirmed: the owner's key is the caller's, although its lease has ended: no other process has taken it
    ///     yet.
    func warm(for ttl: Duration? = nil, isConfirmed: Bool = false) async throws -> WarmResult {
        let start = time.now
        try await beginWarming(isConfirmed: isConfirmed)
        let (warmed, reached) = try await connections.snapshot { connection in
            let lease = try await CheckpointStore(connection).lease(of: generation)
            guard isConfirmed || lease.fencingValue == fencingValue else { throw LeaseLost() }
            var warmed = WarmedRows()
            warmed.count = try await reader.readHotRows(on: connection) { try await cache.warm($0) }
            warmed.isCrowded = try await warmRankings(on: connection)
            return (warmed, lease.position.rawValue)
        }
        return try await finishWarming(warmed, through: reached, for: ttl, since: start)
    }

    /// Rewrites the rankings.
    ///
    /// - Returns: whether there are more groups than have a set.
    private func warmRankings(on connection: isolated PostgresConnection) async throws -> Bool {
        let ranking = followed.hotSet.ranking
        if let ranking, let within = ranking.within {
            let times = try reader.readTimes(ranking, within: within, on: connection)
            let members = try await TimeRankingWriter(cache, times)
            try await reader.readMembers(ranking, since: times.since, on: connection) { try await members.take($0) }
            try await members.finish()
            return times.isCrowded
        }
        try await cache.emptyTimes(isOnlyLeftOver: true)
        let top = try ranking.map { try reader.readTop($0, on: connection) } ?? .none
        try await cache.replaceRanking(Array("top".utf8), by: top)
        let groups = RankingWriter(cache)
        var isCrowded = false
        if let ranking {
            isCrowded = try await reader.readGroups(ranking, on: connection) { try await groups.take($0) }
        }
        try await groups.finish()
        return isCrowded
    }

    /// Removes the generation from the cache, its pointer first, and then rewrites it.
    func replace() async throws -> WarmResult {
        let losses = queue.losses
        guard try await CheckpointStore(connections.openDatabase()).lease(of: generation).fencingValue == fencingValue
        else {
            throw LeaseLost()
        }
        try await cache.redis.send(RedisCommand("UNLINK", [cache.keys.live]))
        try await cache.drop()
        queue.trust(generation, losses: losses)
        logger.warning(
            "the database server has lost what it had or was replaced: the generation was taken out of the cache",
            metadata: ["projection": "\(projection)", "generation": "\(generation)"]
        )
        return try await warm()
    }

    /// Takes the owner's key: first it is read, then the lease, then it is written by compare-and-set. A process that
    /// took both in between wins, and a process that lost its lease while it was stopped cannot take the key.
    ///
    /// A cache that is ahead of the checkpoint has rows of events that are gone. Their positions are drawn again, so they
    /// would never be replaced: all of it goes, the pointer first.
    func beginWarming(isConfirmed: Bool = false) async throws {
        if isConfirmed {
            update { $0.beginHealing(anew: true) }
            return try await cache.adopt(from: fencingValue)
        }
        let cached = try await cache.pointer()
        let lease = try await CheckpointStore(connections.openDatabase()).lease(of: generation)
        guard lease.fencingValue == fencingValue else { throw LeaseLost() }
        var found = cached.owner
        if let through = cached.through, through > lease.position.rawValue {
            logger.warning(
                "positions that were folded before are gone: the generation is taken out of the cache",
                metadata: [
                    "projection": "\(projection)", "generation": "\(generation)",
                    "positions": "\(lease.position.rawValue + 1)–\(through)", "checkpoint": "\(lease.position)",
                ]
            )
            if cached.live == generation { try await cache.redis.send(RedisCommand("UNLINK", [cache.keys.live])) }
            try await cache.drop()
            found = nil
        }
        update { $0.beginHealing(anew: true) }
        try await cache.adopt(from: found)
        update { $0.isPointerShort = true }
    }

    /// Records that everything up to a position is in the cache.
    func finishWarming(
        _ warmed: WarmedRows,
        through reached: Int64,
        for ttl: Duration?,
        since start: ContinuousClock.Instant
    ) async throws -> WarmResult {
        try await cache.finish(through: reached, isCrowded: warmed.isCrowded)
        try await cache.keep(for: ttl)
        update { $0.warmed(through: reached, at: time.now) }
        let duration = time.now - start
        logger.info(
            "the cache was warmed",
            metadata: [
                "projection": "\(projection)", "generation": "\(generation)", "rows": "\(warmed.count)",
                "duration": "\(duration)",
            ]
        )
        return WarmResult(rows: warmed.count, through: GlobalPosition(reached), duration: duration)
    }
}

/// What was written of a hot set.
struct WarmedRows: Sendable {
    var count = 0
    /// There are more groups than may have a set.
    var isCrowded = false
}

/// Names that several steps add to, one after the other.
private actor NameSet {
    private(set) var names: Set<[UInt8]> = []

    func insert(_ more: Set<[UInt8]>) { names.formUnion(more) }
}
