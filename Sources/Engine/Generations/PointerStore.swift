package import Postgres
package import Refold

/// Which generation of a projection is live, as `refold.projections` has it.
package struct Pointer: Sendable, Hashable {
    package let live: GenerationNumber?
    /// The one before, for rollback.
    package let kept: GenerationNumber?
    /// Raised at every move: each move states the revision that it read.
    package let revision: Int64
}

extension Pointer {
    /// What is read of `refold.projections p`.
    fileprivate static let columns = "p.live, p.kept, p.revision"

    fileprivate init(_ row: PostgresRow) throws {
        self.init(
            live: try row.optionalInt64("live").map { GenerationNumber($0) },
            kept: try row.optionalInt64("kept").map { GenerationNumber($0) },
            revision: try row.int64("revision")
        )
    }
}

/// A projection's pointer, and what sharing the work needs to know of its live generation.
package struct PointedGeneration: Sendable {
    package let projection: ProjectionName
    package let pointer: Pointer
    /// What the live generation was folded with; nil without one.
    package let identity: String?
    /// The live generation's last owner, unless it released it.
    package let ownership: Ownership?
}

/// The pointers: the rows of `refold.projections`, and the moves that change what readers see.
///
/// Lock order everywhere: pointer, checkpoints by generation, data.
package struct PointerStore: Sendable {
    private let connection: PostgresConnection

    /// The store on a session, in a transaction of the caller's or outside of one.
    package init(_ connection: PostgresConnection) { self.connection = connection }

    // MARK: Reading

    /// The pointer of a projection.
    ///
    /// - Parameter lock: takes the row until the end of the transaction.
    /// - Throws: ``EngineError/Code/notMigrated`` when there is none.
    package func pointer(of name: ProjectionName, lock: Bool = false) async throws -> Pointer {
        let result: PostgresResult
        do {
            result = try await connection.query(
                lock ? Statements.pointer + " FOR UPDATE" : Statements.pointer,
                [.text(name.rawValue)]
            )
        } catch {
            guard [.undefinedTable, .invalidSchemaName].contains(error.sqlState) else { throw error }
            throw EngineError.notMigrated(name)
        }
        guard let row = result.rows.first else { throw EngineError.notMigrated(name) }
        return try Pointer(row)
    }

    /// The pointers of projections, with the identities and owners of their live generations.
    func pointedGenerations(of names: [ProjectionName]) async throws -> [PointedGeneration] {
        try await connection.query(Statements.pointed, [.textArray(names.map(\.rawValue))]).rows.map { row in
            PointedGeneration(
                projection: try ProjectionName(row.text("name")),
                pointer: try Pointer(row),
                identity: try row.optionalText("identity"),
                ownership: try row.optionalText("lease_id") == nil ? nil : Ownership(row)
            )
        }
    }

    // MARK: Moving

    /// Adds a projection's pointer, to nothing; an existing one stays as it is.
    func add(_ name: ProjectionName) async throws {
        try await connection.execute(Statements.add, [.text(name.rawValue)])
    }

    /// Makes a generation the live one, from the revision that was read: false when someone moved the pointer
    /// meanwhile, or the generation is being dropped. Part of a transaction that holds the pointer's row.
    ///
    /// Both generations get new fencing values: a daemon that feeds the old one finds its next commit refused.
    package func point(
        _ name: ProjectionName,
        to generation: GenerationNumber?,
        kept: GenerationNumber?,
        from pointer: Pointer
    ) async throws -> Bool {
        let generations = GenerationStore(connection)
        if let generation {
            // One that is to be dropped may be losing its tables now; from here on nobody can begin to drop this one.
            guard try await generations.lockUnretired(generation) else { return false }
        }
        let moved = try await connection.execute(
            Statements.move,
            [
                .text(name.rawValue), .optional(generation?.rawValue), .optional(kept?.rawValue),
                .int64(pointer.revision),
            ]
        )
        guard moved == 1 else { return false }
        try await CheckpointStore(connection).renewFencingValues(of: [pointer.live, generation].compactMap(\.self))
        if let generation { try await generations.setEntered(generation) }
        if let left = pointer.live { try await generations.setLeft(left) }
        // What was kept for rollback before is no longer needed.
        try await generations.retirePointed(of: name, except: [generation, kept].compactMap(\.self))
        return true
    }

    /// Creates an empty generation and points at it: what `reset` does, and the first daemon. In a transaction.
    ///
    /// It has no tables yet, so its views are empty. Its owner builds it in memory like a rebuild, and readers see it as
    /// soon as it has caught up, or when it outgrows the memory.
    ///
    /// - Parameter pointer: the pointer as it was read when the operation started.
    /// - Returns: nil when the pointer has moved meanwhile.
    package func pointAtEmptyGeneration(
        of projection: any Projection,
        identity: String,
        from pointer: Pointer
    ) async throws -> Generation? {
        let current = try await self.pointer(of: projection.name, lock: true)
        guard current.revision == pointer.revision else { return nil }
        if let live = current.live { _ = try await CheckpointStore(connection).position(of: live, lock: true) }
        try await ReadModelTables(connection).addParents(of: projection)
        let generation = try await GenerationStore(connection)
            .add(of: projection, identity: identity, phase: .memory, target: nil)
        try await ReadModelViews(connection).show(projection)
        let hasMoved = try await point(projection.name, to: generation.number, kept: current.live, from: current)
        return hasMoved ? generation : nil
    }
}

extension PointerStore {
    private enum Statements {
        static let pointer = "SELECT \(Pointer.columns) FROM refold.projections p WHERE p.name = $1"

        static let pointed = """
            SELECT p.name, \(Pointer.columns), g.identity, \(Ownership.columns)
              FROM refold.projections p LEFT JOIN refold.generations g ON g.generation = p.live
              LEFT JOIN refold.checkpoints c ON c.generation = p.live LEFT JOIN refold.owners o ON o.id = c.owner
             WHERE p.name = ANY ($1)
            """

        static let add = "INSERT INTO refold.projections (name) VALUES ($1) ON CONFLICT DO NOTHING"

        static let move = """
            UPDATE refold.projections SET live = $2, kept = $3, revision = revision + 1, pointed_at = clock_timestamp()
             WHERE name = $1 AND revision = $4
            """
    }
}

extension EngineError {
    static func notMigrated(_ name: ProjectionName) -> EngineError {
        EngineError(
            .notMigrated,
            projection: name,
            "projection \(name) is not in this database yet",
            remedy: "run \(Program.name) migrate"
        )
    }

    static func pointerMoved(_ projection: ProjectionName) -> EngineError {
        EngineError(
            .pointerMoved,
            projection: projection,
            "the pointer of \(projection) moved meanwhile",
            remedy: "look at \(Program.name) generations and try again"
        )
    }
}
