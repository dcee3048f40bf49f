internal import Engine
internal import Postgres
internal import Redis
internal import Refold
internal import Timing

/// Finds out the state of a projection's cache, and why it is behind if it is, from the two servers.
struct CacheInspection: Sendable {
    private let server: CacheServer
    private let projection: ProjectionName
    private let known: CacheTroubles?
    private let time: TimeSource
    private let warnings: CacheWarnings

    /// - Parameter known: what a writer in this process knows.
    init(_ cache: RedisCache, of projection: ProjectionName, known: CacheTroubles?) {
        server = cache.server
        self.projection = projection
        self.known = known
        time = cache.time
        warnings = CacheWarnings(logger: cache.logger)
    }

    private var keys: CacheKeys { server.keys(projection) }

    func status(on connection: PostgresConnection) async -> CacheStatus {
        do {
            guard let live = try await PointerStore(connection).pointer(of: projection).live else {
                return CacheStatus(state: .behind, error: "no generation of \(projection) is live yet")
            }
            let first = try await LivePointer(of: projection, checkpointOf: live, on: connection)
            return try await server.reading { redis in
                try await status(of: live, since: first, redis, connection)
            }
        } catch {
            let isAway = error is RedisError
            var status = CacheStatus(state: .behind, error: isAway ? "the server is away: \(error)" : "\(error)")
            status.isUnreachable = isAway
            status.tell(staleUntil: known?.staleUntil(of: projection))
            return status
        }
    }

    private func status(
        of live: GenerationNumber,
        since first: LivePointer,
        _ redis: CacheConnection,
        _ connection: PostgresConnection
    ) async throws -> CacheStatus {
        // What was committed just before may still be on its way.
        let deadline = time.now + .milliseconds(200)
        var pointer = first
        while true {
            let cached = try await CachedPointer(keys, live, from: redis, warnings: warnings)
            if let through = cached.through, through > pointer.position {
                pointer = try await LivePointer(of: projection, checkpointOf: live, on: connection)
            }
            // Anything beyond the checkpoint comes from events that are gone.
            let isCurrent =
                cached.live == live && cached.through ?? -1 >= first.position
                && cached.through ?? -1 <= pointer.position
            if isCurrent || time.now >= deadline {
                var status = CacheStatus(
                    state: isCurrent ? .current : .behind,
                    generation: cached.live,
                    through: cached.through.map { GlobalPosition($0) }
                )
                if !isCurrent { try await explain(&status, live, cached, pointer, redis) }
                return status
            }
            try await time.sleep(for: .milliseconds(10))
        }
    }

    /// Why the cache is behind: what its owner says, what the server says to a write that changes nothing, what is missing.
    private func explain(
        _ status: inout CacheStatus,
        _ live: GenerationNumber,
        _ cached: CachedPointer,
        _ pointer: LivePointer,
        _ redis: CacheConnection
    ) async throws {
        let replies = try await redis.pipeline([
            // Refused whenever any write is; without a key, and with nothing to write, it does nothing.
            RedisCommand("SETRANGE", [keys.key(live, "probe"), 0, ""]),
            RedisCommand("GET", [keys.key(live, "note")]),
        ])
        status.error =
            if let error = known?.error(of: projection) {
                error
            } else if let refusal = replies[0].error {
                "\(CacheFailure.refused(refusal))"
            } else if let note = replies[1].text {
                note
            } else {
                missing(live, cached, pointer)
            }
        let isLong = cached.ttl == -1 || cached.ttl > PointerKeeper.ttl.milliseconds
        guard cached.live != nil, isLong else { return }
        status.tell(
            staleUntil: cached.ttl == -1 ? .infinity : Timestamp(microseconds: HotSet.now + cached.ttl * 1000)
        )
    }

    private func missing(_ live: GenerationNumber, _ cached: CachedPointer, _ pointer: LivePointer) -> String {
        guard cached.owner != nil else {
            return
                "nobody has warmed generation \(live): a running daemon does, or \(Program.name) cache warm \(projection)"
        }
        guard let through = cached.through else { return "generation \(live) is being warmed" }
        if through > pointer.position {
            return "it has positions \(pointer.position + 1)–\(through), which are gone; its next owner rewrites it"
        }
        if through < pointer.position { return "its owner has yet to send what was committed behind \(through)" }
        return cached.live.map { "its pointer is still at generation \($0)" }
            ?? "its pointer has expired: nobody follows it any more, or it was behind for too long"
    }
}

extension CacheStatus {
    /// Says so in the cause, too.
    fileprivate mutating func tell(staleUntil until: Timestamp?) {
        guard let until else { return }
        staleUntil = until
        error = "cache stale until \(until): \(error ?? "")"
    }
}
