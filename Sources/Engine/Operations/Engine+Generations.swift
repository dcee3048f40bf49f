internal import Postgres
public import Refold

/// A generation, as an operator sees it.
public struct GenerationStatus: Sendable {
    /// What it is for.
    public enum Role: String, Sendable {
        /// Readers see it.
        case live
        /// It was live before, and is kept for rollback.
        case kept
        /// It is being folded, or its rebuild was interrupted.
        case building
        /// It is folded and only has to be pointed at.
        case ready
        /// It is dropped as soon as nobody can see it any more.
        case retired
    }

    /// Its number.
    public let generation: GenerationNumber
    /// Its projection.
    public let projection: ProjectionName
    /// What it is for.
    public let role: Role
    /// The projection's version that folded it.
    public let version: Int
    /// Whether its tables, settings and store are the present ones, so that it can be resumed.
    public let isCurrent: Bool
    /// Everything up to here is in it.
    public let position: GlobalPosition
    /// In which form its rows are stored.
    public let phase: GenerationPhase
    /// Bytes on disk, indexes included.
    public let bytes: Int64
    /// When it was begun, by the server's clock.
    public let createdAt: Timestamp
    /// When it was last pointed at.
    public let pointedAt: Timestamp?
    /// What keeps a retired one from being dropped until an operator acts, such as a view on its tables.
    public let obstacle: String?

    package init(
        generation: GenerationNumber,
        projection: ProjectionName,
        role: Role,
        version: Int = 1,
        isCurrent: Bool = true,
        position: GlobalPosition = .zero,
        phase: GenerationPhase = .settled,
        bytes: Int64 = 0,
        createdAt: Timestamp,
        pointedAt: Timestamp? = nil,
        obstacle: String? = nil
    ) {
        self.generation = generation
        self.projection = projection
        self.role = role
        self.version = version
        self.isCurrent = isCurrent
        self.position = position
        self.phase = phase
        self.bytes = bytes
        self.createdAt = createdAt
        self.pointedAt = pointedAt
        self.obstacle = obstacle
    }
}

extension Engine {
    /// All generations there are, by projection, the newest first.
    public func generations() async throws -> [GenerationStatus] {
        try await withConnection(for: "generations") { connection in
            try await requireMigration(on: connection)
            return try await generations(on: connection)
        }
    }

    func generations(on connection: PostgresConnection) async throws -> [GenerationStatus] {
        let identities = Dictionary(uniqueKeysWithValues: projections.map { ($0.name, identity(of: $0)) })
        var generations: [GenerationStatus] = []
        for listed in try await GenerationStore(connection).listed() {
            // Only of those that are to be dropped: anything may depend on the others.
            let dependents =
                listed.role == .retired ? try await ReadModelTables(connection).dependents(on: listed.number) : nil
            generations.append(
                GenerationStatus(listed, identity: identities[listed.projection], dependents: dependents)
            )
        }
        return generations
    }
}

extension GenerationStatus {
    /// - Parameter identity: of the projection as it is now; nil when there is none of that name.
    fileprivate init(_ listed: ListedGeneration, identity: GenerationIdentity?, dependents: String?) {
        self.init(
            generation: listed.number,
            projection: listed.projection,
            role: listed.role,
            version: listed.version,
            isCurrent: identity.map { $0.match(listed.identity) != .other } ?? false,
            position: listed.position,
            phase: listed.phase,
            bytes: listed.bytes,
            createdAt: listed.createdAt,
            pointedAt: listed.pointedAt,
            obstacle: dependents.map { LeftGeneration.reason($0) }
        )
    }
}
