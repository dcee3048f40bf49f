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
    /// Whose it is.
    public let projection: ProjectionName
    /// What it is for.
    public let role: Role
    /// The projection's version that folded it.
    public let version: Int
    /// Whether tables, settings and store are those of now, so that it can be gone on with.
    public let isCurrent: Bool
    /// Everything up to here is in it.
    public let position: GlobalPosition
    /// `memory` or `settled`.
    public let phase: String
    /// Bytes on disk, indexes included.
    public let bytes: Int64
    /// When it was begun, by the server's clock.
    public let createdAt: Timestamp
    /// When it was pointed at last.
    public let pointedAt: Timestamp?
    /// What keeps a retired one from being dropped until somebody does something about it, such as a view on its tables.
    public let obstacle: String?
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
        for row in try await connection.query(Self.generationsSQL).rows {
            let (projection, number) = (
                try ProjectionName(row.text("projection")), GenerationNumber(try row.int64("generation"))
            )
            let role = GenerationStatus.Role(rawValue: try row.text("role")) ?? .retired
            let dependents = role == .retired ? try await ReadModelTables(connection).dependents(on: number) : nil
            let generation = GenerationStatus(
                generation: number,
                projection: projection,
                role: role,
                version: Int(try row.int32("version")),
                isCurrent: try identities[projection].map { $0.match(try row.text("identity")) != .other } ?? false,
                position: GlobalPosition(try row.int64("position")),
                phase: try row.text("phase"),
                bytes: try row.int64("bytes"),
                createdAt: Timestamp(microseconds: try row.timestamp("created_at")),
                pointedAt: try row.optionalTimestamp("pointed_at").map(Timestamp.init(microseconds:)),
                obstacle: dependents.map { LeftGeneration.reason($0) }
            )
            generations.append(generation)
        }
        return generations
    }

    private static let generationsSQL = """
        WITH sizes AS (
            SELECT substring(relname FROM '_g([0-9]+)(?:_versions)?$')::bigint AS generation,
                   sum(pg_total_relation_size(oid))::bigint AS bytes
              FROM pg_class WHERE relnamespace = 'refold_data'::regnamespace AND relkind = 'r' GROUP BY 1
        )
        SELECT g.generation, g.projection, g.version, g.identity, g.phase, g.created_at, g.pointed_at, c.position,
               coalesce(s.bytes, 0)::bigint AS bytes,
               CASE WHEN g.generation = p.live THEN 'live' WHEN g.generation = p.kept THEN 'kept' ELSE g.state END AS role
          FROM refold.generations g JOIN refold.checkpoints c USING (generation)
          JOIN refold.projections p ON p.name = g.projection LEFT JOIN sizes s ON s.generation = g.generation
         ORDER BY g.projection, g.generation DESC
        """
}
