internal import Logging
internal import Postgres
internal import Refold
internal import Synchronization
internal import Timing

/// Watches the pointers, and shares the projections with other daemons: tells each tail when its pointer moved, and
/// whether its projection is this daemon's to tail.
final class TailWatch: Sendable {
    /// How often the pointers are looked at.
    private static let interval: Duration = .milliseconds(250)

    private let daemon: TailDaemon
    private let tails: [ProjectionTail]
    private let share: Mutex<WorkShare>
    /// False for a daemon that runs until caught up: it does everything by itself.
    private let isShared: Bool

    init(_ daemon: TailDaemon, _ tails: [ProjectionTail]) {
        self.daemon = daemon
        self.tails = tails
        isShared = !daemon.request.untilCaughtUp
        let lease = daemon.keeper.lease
        share = Mutex(WorkShare(of: lease.id, leaseTime: lease.time))
    }

    /// Looks once.
    func look() async throws {
        try await daemon.engine.withConnection(for: "pointers") { try await look(on: $0) }
    }

    /// Looks again and again until the task is cancelled.
    func run() async throws {
        try await daemon.engine.withConnection(for: "pointers") { connection in
            while !Task.isCancelled {
                try await look(on: connection)
                do { try await daemon.engine.time.sleep(for: Self.interval) } catch { break }
            }
        }
    }

    private func look(on connection: PostgresConnection) async throws {
        let pointed = try await PointerStore(connection).pointedGenerations(of: tails.map(\.projection.name))
        var candidates: [WorkShare.Candidate] = []
        for generation in pointed {
            guard let tail = tails.first(where: { $0.projection.name == generation.projection }) else { continue }
            tail.orders.pointerIs(at: generation.pointer.revision)
            candidates.append(candidate(tail.projection, generation))
        }
        guard isShared else { return }
        let members = try await LeaseStore(connection).daemons().filter { isThere($0.ownership) }
            .map { WorkShare.Member(leaseID: $0.ownership.leaseID, tails: $0.tails) }
        let decision = share.withLock { $0.decide(candidates, among: members, at: daemon.engine.time.now) }
        for tail in tails { tail.orders.shareIs(decision.mine.contains(tail.projection.name)) }
        if let given = decision.given {
            daemon.engine.logger.info("another daemon takes over a projection", metadata: ["projection": "\(given)"])
        }
    }

    private func candidate(_ projection: any Projection, _ generation: PointedGeneration) -> WorkShare.Candidate {
        let identity = daemon.engine.identity(of: projection)
        var found = identity.text
        if let stored = generation.identity, identity.match(stored) == .other { found = stored }
        return WorkShare.Candidate(
            projection: projection.name,
            name: WorkShare.name(of: projection.name, identity: found),
            owner: generation.ownership.flatMap { isThere($0) ? $0.leaseID : nil }
        )
    }

    /// Whether an owner is this process, or is not known to be gone.
    private func isThere(_ ownership: Ownership) -> Bool {
        ownership.leaseID == daemon.keeper.lease.id || daemon.keeper.judge(ownership) != .isGone
    }
}
