internal import Logging
internal import Refold
internal import Synchronization

/// What is wrong with the cache of each projection, as its writer knows it.
final class CacheTroubles: Sendable {
    private struct Trouble {
        var error: String?
        var staleUntil: Timestamp?
    }

    private let troubles = Mutex<[ProjectionName: Trouble]>([:])
    private let logger: Logger

    init(logger: Logger) {
        self.logger = logger
    }

    /// What went wrong last with a projection's cache.
    func note(_ error: String, of projection: ProjectionName) {
        troubles.withLock { $0[projection, default: Trouble()].error = error }
    }

    /// All is well again with a projection's cache.
    func resolve(_ projection: ProjectionName) { troubles.withLock { $0[projection] = nil } }

    func error(of projection: ProjectionName) -> String? { troubles.withLock { $0[projection]?.error } }

    /// Says until when readers may be sent to what is not up to date, in microseconds since 2000; nil when they are not.
    func noteStale(_ followed: FollowedGeneration, until: Int64?) {
        let projection = followed.hotSet.projection
        let until = until.map { Timestamp(microseconds: $0) }
        let isNews = troubles.withLock { troubles in
            defer { troubles[projection, default: Trouble()].staleUntil = until }
            return troubles[projection]?.staleUntil == nil
        }
        guard isNews, let until else { return }
        logger.warning(
            "cache stale until \(until): the pointer's time could not be made short, and what commits does not arrive",
            metadata: ["projection": "\(projection)", "generation": "\(followed.generation)"]
        )
    }

    func staleUntil(of projection: ProjectionName) -> Timestamp? { troubles.withLock { $0[projection]?.staleUntil } }
}
