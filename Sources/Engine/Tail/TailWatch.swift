internal import Logging
internal import Postgres
internal import Refold
internal import Synchronization

/// Watches the pointers, and shares the projections with other daemons: tells each tail when its pointer moved, and
/// whether its projection is this daemon's to tail.
final class TailWatch: Sendable {
    /// How often the pointers are looked at.
    private static let interval: Duration = .milliseconds(250)

    private let daemon: TailDaemon
    private let tails: [ProjectionTail]
    private let share: Mutex<WorkShare>
    /// Where everybody has to do everything by himself: who runs until caught up does not share.
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
                do { try await Task.sleep(for: Self.interval) } catch { break }
            }
        }
    }

    private func look(on connection: PostgresConnection) async throws {
        let names = tails.map(\.projection.name.rawValue)
        let rows = try await connection.query(Self.pointersSQL, [.textArray(names)]).rows
        var candidates: [WorkShare.Candidate] = []
        for row in rows {
            let name = try row.text("name")
            guard let tail = tails.first(where: { $0.projection.name.rawValue == name }) else { continue }
            tail.pointerIs(
                Pointer(
                    live: try row.optionalInt64("live").map { GenerationNumber($0) },
                    kept: try row.optionalInt64("kept").map { GenerationNumber($0) },
                    revision: try row.int64("revision")
                )
            )
            candidates.append(try candidate(tail.projection, row))
        }
        guard isShared else { return }
        let members = try await connection.query(Self.membersSQL).rows.compactMap { try member($0) }
        let decision = share.withLock { $0.decide(candidates, among: members, at: .now) }
        for tail in tails { tail.shareIs(decision.mine.contains(tail.projection.name)) }
        if let given = decision.given {
            daemon.engine.logger.info("another daemon goes on with a projection", metadata: ["projection": "\(given)"])
        }
    }

    private func candidate(_ projection: any Projection, _ row: PostgresRow) throws -> WorkShare.Candidate {
        let identity = daemon.engine.identity(of: projection)
        var found = identity.text
        if let stored = try row.optionalText("identity"), identity.match(stored) == .other { found = stored }
        var owner: String?
        if try row.optionalText("lease_id") != nil {
            let ownership = try Ownership(row)
            let isMine = ownership.leaseID == daemon.keeper.lease.id
            if isMine || daemon.keeper.sightings.judge(ownership) != .isGone { owner = ownership.leaseID }
        }
        return WorkShare.Candidate(
            projection: projection.name,
            name: WorkShare.name(of: projection.name, identity: found),
            owner: owner
        )
    }

    private func member(_ row: PostgresRow) throws -> WorkShare.Member? {
        let ownership = try Ownership(row)
        let isMine = ownership.leaseID == daemon.keeper.lease.id
        guard isMine || daemon.keeper.sightings.judge(ownership) != .isGone else { return nil }
        return WorkShare.Member(leaseID: ownership.leaseID, tails: Set(try row.textArray("tails")))
    }

    private static let pointersSQL = """
        SELECT p.name, p.live, p.kept, p.revision, g.identity, \(Ownership.columns)
          FROM refold.projections p LEFT JOIN refold.generations g ON g.generation = p.live
          LEFT JOIN refold.checkpoints c ON c.generation = p.live LEFT JOIN refold.owners o ON o.id = c.owner
         WHERE p.name = ANY ($1)
        """

    private static let membersSQL = """
        SELECT o.tails, \(Ownership.columns) FROM refold.owners o
          LEFT JOIN refold.checkpoints c ON false WHERE cardinality(o.tails) > 0
        """
}
