internal import EventStore
internal import Postgres
public import Refold

extension Engine {
    /// What ``rebuild(_:progress:)`` would do now. Changes nothing.
    public func dryRun(_ projections: [any Projection], fresh: Bool = false) async throws -> RebuildPlan {
        try await withConnection(for: "dry run") { connection in
            let store = try await StoreInspection.inspect(connection, settings.store)
            try await requireMigration(on: connection)
            let head = try await HighWaterMarkProbe(connection, store).sample().lastValue
            let known = try await generations(on: connection)
            var steps: [RebuildPlan.Step] = []
            for projection in projections {
                let own = known.filter { $0.projection == projection.name }
                steps.append(try await step(for: projection, own, fresh, connection))
            }
            let start = steps.map(\.start).min() ?? .zero
            let types = Set(projections.flatMap(\.eventTypes)).map(\.name)
            let (shares, isExact) = try await shares(of: types, after: start, connection)
            return RebuildPlan(head: head, types: shares, isExact: isExact, steps: steps)
        }
    }

    private func step(
        for projection: any Projection,
        _ generations: [GenerationStatus],
        _ fresh: Bool,
        _ connection: PostgresConnection
    ) async throws -> RebuildPlan.Step {
        let unfinished = generations.first { $0.role == .building || $0.role == .ready }
        let resumed = fresh ? nil : unfinished.flatMap { $0.isCurrent ? $0 : nil }
        let live = generations.first { $0.role == .live }
        let dropped = generations.filter { generation in
            switch generation.role {
            case .kept, .retired: true
            case .building, .ready: generation.generation != resumed?.generation
            case .live: false
            }
        }
        let last = try await connection.query(
            """
            SELECT target / nullif(extract(epoch FROM pointed_at - created_at)::double precision, 0)
              FROM refold.generations WHERE projection = $1 AND target IS NOT NULL AND pointed_at IS NOT NULL
             ORDER BY generation DESC LIMIT 1
            """,
            [.text(projection.name.rawValue)]
        )
        return RebuildPlan.Step(
            projection: projection.name,
            resumed: resumed?.generation,
            start: resumed?.position ?? .zero,
            isReady: resumed?.role == .ready,
            live: live?.generation,
            dropped: dropped.map(\.generation),
            droppedBytes: dropped.reduce(0) { $0 + $1.bytes },
            expectedBytes: live?.bytes,
            lastRate: try last.rows.first?.optionalDouble(0)
        )
    }

    /// A table up to this many bytes is counted, a larger one is sampled.
    private static let countedBytes: Int64 = 64 << 20

    /// Events and payload bytes by type.
    private func shares(
        of types: [String],
        after start: GlobalPosition,
        _ connection: PostgresConnection
    ) async throws -> (shares: [RebuildPlan.TypeShare], isExact: Bool) {
        let table = quoteIdentifier(settings.store.schema, settings.store.eventsTable)
        let size = try await connection.query(
            """
            SELECT pg_relation_size($1::text::regclass)
                + coalesce((SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree($1::text::regclass)
                             WHERE relid <> $1::text::regclass), 0)::bigint
            """,
            [.text(table)]
        ).int64(0, 0)
        let isExact = size <= Self.countedBytes
        // Whole pages, so that little is read; the same ones each time.
        let percent = isExact ? 100.0 : 100 * Double(Self.countedBytes) / Double(size)
        let sample = isExact ? "" : "TABLESAMPLE SYSTEM (\(percent)) REPEATABLE (1)"
        let rows = try await connection.query(
            """
            SELECT event_type::text, count(*), coalesce(sum(pg_column_size(event_data)), 0)::bigint
              FROM \(table) \(sample) WHERE global_position > $1 AND event_type = ANY ($2) GROUP BY 1 ORDER BY 2 DESC, 1
            """,
            [.int64(start.rawValue), .textArray(types)]
        )
        let scale = 100 / percent
        let shares = try rows.rows.map { row in
            RebuildPlan.TypeShare(
                type: try row.text(0),
                events: Int64(Double(try row.int64(1)) * scale),
                bytes: Int64(Double(try row.int64(2)) * scale)
            )
        }
        return (shares, isExact)
    }
}
