internal import Logging
internal import Postgres
public import Refold

/// One row of a read model, and where it was found.
public struct ShownRow: Sendable {
    /// Where a reader finds it.
    public enum Source: String, Sendable {
        case cache
        case database
    }

    /// Where it was found.
    public let source: Source
    /// The generation that is live there; nil when there is none.
    public let generation: GenerationNumber?
    /// The row as a JSON object of the view's columns, from the cache with `_position` before them; nil for no row.
    public let json: String?
}

extension Engine {
    /// The row of a projection's first public table with the given key, as a reader gets it: from the cache if it is
    /// there, otherwise from the database.
    ///
    /// - Parameter key: one text for each column of the primary key.
    /// - Throws: ``EngineError/Code/unknownKey`` for a key of another form, an unreachable database. A cache that cannot be
    ///   reached is passed over.
    public func show(_ projection: any Projection, key: [String]) async throws -> ShownRow {
        guard let table = projection.model.tables.first(where: \.isPublic) else {
            throw EngineError(
                .unknownKey,
                projection: projection.name,
                "\(projection.name) has no table for readers",
                remedy: "look into schema refold_data"
            )
        }
        let parameters = try table.parameters(for: key, of: projection.name)
        if key.count == 1, let row = await cachedRow(projection, table.cachedKey(key[0])) { return row }
        return try await withConnection(for: "show") { connection in
            try await requireMigration(on: connection)
            let match = table.key.enumerated().map { "v.\(quoteIdentifier($1.name)) = $\($0 + 2)" }
            // One statement, so that row and generation are of one moment.
            let found = try await connection.query(
                """
                SELECT p.live, (SELECT to_json(v)::text FROM \(quoteIdentifier("read_models", table.name)) v
                                 WHERE \(match.joined(separator: " AND ")))
                  FROM refold.projections p WHERE p.name = $1
                """,
                [.text(projection.name.rawValue)] + parameters
            )
            guard let row = found.rows.first else { throw EngineError.notMigrated(projection.name) }
            return ShownRow(
                source: .database,
                generation: try row.optionalInt64(0).map { GenerationNumber($0) },
                json: try row.optionalText(1)
            )
        }
    }

    private func cachedRow(_ projection: any Projection, _ key: String) async -> ShownRow? {
        guard let cache, cache.holds(projection.name) else { return nil }
        do {
            return try await cache.row(projection.name, key: key).map {
                ShownRow(source: .cache, generation: $0.generation, json: String(decoding: $0.json, as: UTF8.self))
            }
        } catch {
            logger.warning("the cache is passed over", metadata: ["error": "\(error)"])
            return nil
        }
    }
}

extension TableDefinition {
    /// A key of one column as the cache has it.
    fileprivate func cachedKey(_ text: String) -> String {
        key[0].type == .date ? Day(text)?.description ?? text : text
    }

    fileprivate func parameters(for texts: [String], of projection: ProjectionName) throws -> [PostgresValue] {
        let columns = key.map(\.name).joined(separator: ", ")
        guard texts.count == key.count else {
            throw EngineError(
                .unknownKey,
                projection: projection,
                "\(texts.count) values are given for the key of \(name)",
                remedy: "its key is \(columns)"
            )
        }
        return try zip(key, texts).map { column, text in
            func refusal(_ kind: String) -> EngineError {
                EngineError(
                    .unknownKey,
                    projection: projection,
                    "\"\(text)\" is not a \(kind), and \(column.name) is one",
                    remedy: "its key is \(columns)"
                )
            }
            switch column.type {
            case .integer:
                guard let number = Int64(text) else { throw refusal("whole number") }
                return .int64(number)
            case .date:
                guard let day = Day(text) else { throw refusal("day like 2024-03-01") }
                return .binary(type: column.type.objectIDs.element, bytes: day.binary)
            case .timestamp:
                guard let time = Timestamp(text) else { throw refusal("time like 2024-03-01T12:00:00Z") }
                return .binary(type: column.type.objectIDs.element, bytes: time.binary)
            default:
                return .text(text)
            }
        }
    }
}
