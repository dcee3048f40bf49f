package import Refold

/// Which projections a daemon tails, among all the daemons that could: a value that says what to take and what to give
/// away.
///
/// Rendezvous hashing (Thaler and Ravishankar, "Using name-based mappings to increase hit rates", IEEE/ACM ToN 6(1),
/// 1998): each projection prefers the member with the greatest hash of both names, so when a member joins or leaves
/// only its own projections move.
package struct WorkShare: Sendable {
    /// A daemon that is alive.
    package struct Member: Sendable {
        package let leaseID: String
        /// What it can tail; see ``WorkShare/name(of:identity:)``.
        package let tails: Set<String>

        package init(leaseID: String, tails: Set<String>) {
            self.leaseID = leaseID
            self.tails = tails
        }
    }

    /// A projection's live generation, as this daemon sees it.
    package struct Candidate: Sendable {
        package let projection: ProjectionName
        /// What a member must be able to tail to take it.
        package let name: String
        /// The live process that owns the generation; nil for nobody.
        package let owner: String?

        package init(projection: ProjectionName, name: String, owner: String?) {
            self.projection = projection
            self.name = name
            self.owner = owner
        }
    }

    /// What a daemon does about its projections.
    package struct Decision: Sendable, Equatable {
        /// To tail, or to continue.
        package var mine: Set<ProjectionName> = []
        /// To be given to the member that it prefers.
        package var given: ProjectionName?
    }

    private let me: String
    private let leaseTime: Duration
    private var lastGift: ContinuousClock.Instant?

    package init(of me: String, leaseTime: Duration) {
        self.me = me
        self.leaseTime = leaseTime
    }

    /// How a lease names what its holder can tail.
    package static func name(of projection: ProjectionName, identity: String) -> String { "\(projection) \(identity)" }

    /// - Parameters:
    ///   - candidates: the projections that this daemon was told to tail.
    ///   - members: all daemons that are alive, this one included.
    /// - Returns: what is owned already or is free and prefers this daemon; and one projection to give away, at most
    ///   one each lease time, so that a new daemon disturbs little.
    package mutating func decide(
        _ candidates: [Candidate],
        among members: [Member],
        at now: ContinuousClock.Instant
    ) -> Decision {
        var decision = Decision()
        for candidate in candidates {
            let preferred = preferred(candidate, among: members)
            guard candidate.owner == me else {
                if candidate.owner == nil && (preferred == nil || preferred == me) {
                    decision.mine.insert(candidate.projection)
                }
                continue
            }
            decision.mine.insert(candidate.projection)
            guard let preferred, preferred != me, decision.given == nil else { continue }
            if lastGift.map({ now - $0 < leaseTime }) ?? false { continue }
            decision.given = candidate.projection
        }
        if let given = decision.given {
            decision.mine.remove(given)
            lastGift = now
        }
        return decision
    }

    private func preferred(_ candidate: Candidate, among members: [Member]) -> String? {
        members.filter { $0.tails.contains(candidate.name) }.max { left, right in
            let weights = (Self.weight(left, candidate), Self.weight(right, candidate))
            return weights.0 == weights.1 ? left.leaseID < right.leaseID : weights.0 < weights.1
        }?.leaseID
    }

    /// The same on every machine: FNV-1a of both names, mixed (the finalizer of SplitMix64), since FNV's upper bits
    /// depend on the last bytes only.
    private static func weight(_ member: Member, _ candidate: Candidate) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in "\(member.leaseID) \(candidate.projection)".utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
        }
        hash = (hash ^ (hash >> 30)) &* 0xbf58_476d_1ce4_e5b9
        hash = (hash ^ (hash >> 27)) &* 0x94d0_49bb_1331_11eb
        return hash ^ (hash >> 31)
    }
}
