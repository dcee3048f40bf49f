package import Engine
package import Refold

/// Moves of PostgreSQL's pointers that have yet to reach the cache, and what is to be done about each.
package struct PointerMoves: Sendable {
    /// What a comparison of the two pointers asks for.
    package enum Step: Sendable, Equatable {
        /// Nothing: they agree, or the generation is not the one that readers are to be sent to.
        case none
        /// Another process owns the generation.
        case giveUp
        /// The cache was flushed, restarted, restored or taken by another: what it holds is not known.
        case forget
        /// The cache lacks rows that readers have seen.
        case wait
        /// The cache's pointer moves to the generation, if everything up to this position is there.
        case flip(atLeast: Int64)
        /// They agree, and the keys of the generation that was live before may still last.
        case retire(GenerationNumber)
    }

    private struct Move {
        let revision: Int64
        /// The generation's position when the move was seen, so at or past everything that readers saw before it.
        let position: Int64
    }

    private var pending: [ProjectionName: Move] = [:]
    /// The revision at which nothing was left of the generation that was live before.
    private var retired: [ProjectionName: Int64] = [:]

    package init() {}

    /// What is to be done for a generation.
    ///
    /// - Parameter mayBeRead: whether readers may be sent to what is cached of it.
    package mutating func next(
        for followed: FollowedGeneration,
        _ cached: CachedPointer,
        _ stored: LivePointer,
        mayBeRead: Bool
    ) -> Step {
        let projection = followed.hotSet.projection
        guard stored.fencingValue == followed.fencingValue else { return .giveUp }
        guard let sent = followed.sent else { return .none }
        guard cached.owner == followed.fencingValue, cached.through == sent else { return .forget }
        guard stored.live == followed.generation else { return .none }
        if cached.live == followed.generation && cached.revision == stored.revision {
            pending[projection] = nil
            guard let kept = stored.kept, retired[projection] != stored.revision else { return .none }
            return .retire(kept)
        }
        let seen = pending[projection].flatMap { $0.revision == stored.revision ? $0 : nil }
        let move = seen ?? Move(revision: stored.revision, position: stored.position)
        pending[projection] = move
        guard sent >= move.position else { return .wait }
        return mayBeRead ? .flip(atLeast: move.position) : .none
    }

    /// The cache's pointer has moved after PostgreSQL's.
    package mutating func hasReached(_ projection: ProjectionName) { pending[projection] = nil }

    /// The keys of the generation that was live before expire.
    package mutating func hasRetired(_ projection: ProjectionName, at revision: Int64) {
        retired[projection] = revision
    }
}
