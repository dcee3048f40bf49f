internal import Logging
internal import Postgres
internal import Redis
internal import Refold

/// The cache's pointer is good for a time only, unless its owner renews it: a cache that cannot be written stops being
/// read.
extension HotCache {
    /// Takes note of what became of a renewal that was sent with the comparison of the pointers.
    func note(_ renewal: RedisReply?, of followed: FollowedGeneration) async {
        let projection = followed.hotSet.projection
        guard let renewal else { return }
        do {
            _ = try CacheFailure.check(renewal, warnings)
        } catch .unfit {
            // It points elsewhere or has expired, or the comparison finds what is wrong.
        } catch .refused(let refusal) {
            // What is cached is right still: it is not written anew, but nobody is sent to it any more.
            queue.note("\(CacheFailure.refused(refusal))", of: projection)
            await findStale(followed)
            if refusal.code == "READONLY" { noteLoss(refusal) }
            return
        } catch {
            // The comparison finds that, too.
            return
        }
        queue.update(followed.generation, fencingValue: followed.fencingValue) { $0.isPointerShort = true }
        if followed.need == .nothing { queue.note(nil, of: projection) }
    }

    /// Renews the pointers while something takes long: the comparison, which does it else, waits for its turn.
    func renewWhileBusy() async {
        guard isBusy, let redis, renewedAt + .seconds(1) <= .now, queue.unpointing.isEmpty else { return }
        renewedAt = .now
        let calls = queue.followed.filter { $0.mayBeRead(at: .now) }
            .map { cache(of: $0, redis).renewing(for: Self.pointerLease, through: nil) }
        do {
            _ = try await redis.pipeline(calls)
        } catch {
            // What goes on meanwhile finds the loss, and says so.
            logger.debug("the cache's pointers were not renewed", metadata: ["error": "\(error)"])
        }
    }

    /// Finds out how long readers may be sent to what is not up to date, where the pointer's time could not be made short.
    func findStale(_ followed: FollowedGeneration) async {
        guard !isPointerShort(followed) else { return }
        guard let redis else { return }
        do {
            let left = try await redis.send(RedisCommand("PTTL", [keys(followed.hotSet.projection).live])).integerValue
            switch left ?? -2 {
            case -2: noteStale(followed, until: nil)
            case -1: noteStale(followed, until: .max)
            case let left: noteStale(followed, until: HotSet.now + left * 1000)
            }
        } catch {
            noteLoss(error)
        }
    }

    /// Says until when readers may be sent to what is not up to date.
    func noteStale(_ followed: FollowedGeneration, until: Int64?) {
        guard !isPointerShort(followed) else { return }
        let projection = followed.hotSet.projection
        let until = until.map { Timestamp(microseconds: $0) }
        guard queue.noteStale(until: until, of: projection), let until else { return }
        logger.warning(
            "cache stale until \(until): the pointer's time could not be made short, and what commits does not arrive",
            metadata: ["projection": "\(projection)", "generation": "\(followed.generation)"]
        )
    }

    private func isPointerShort(_ followed: FollowedGeneration) -> Bool {
        queue.followed(followed.generation)?.isPointerShort ?? true
    }

    // MARK: After the server has lost something

    /// The connection, once the pointers are gone that lead to what the database server has lost.
    func writableRedis() async -> CacheConnection? {
        guard let redis = await connectedRedis() else { return nil }
        do {
            try await removePointers(redis)
            return redis
        } catch {
            for projection in queue.unpointing {
                queue.note("its pointer could not be removed: \(error)", of: projection)
            }
            for followed in queue.followed { await findStale(followed) }
            if let error = error as? RedisError, error.endsConnection { noteLoss(error) }
            return nil
        }
    }

    /// Removes the pointers that lead to what the database server has lost. Before that nothing is written: a reader
    /// would take rows of two pasts for one.
    func removePointers(_ redis: CacheConnection) async throws {
        let losses = queue.losses
        for projection in queue.unpointing {
            try await redis.send(RedisCommand("UNLINK", [keys(projection).live]))
            queue.unpointed(projection, losses: losses)
        }
    }
}
