package import Postgres
package import Refold

extension LogIdentityStore {
    /// The statements that record a mark and the last event at or below it, to be run in one transaction. They never
    /// lower a mark; when another log stands under the name by now, or the server's run in which the mark was found is
    /// over, they leave it.
    package static func storing(_ mark: GlobalPosition, of store: ValidatedStore, log: LogID) -> [PostgresStatement] {
        [
            PostgresStatement(
                """
                UPDATE refold.logs l SET mark = greatest(l.mark, $2), recorded_at = now()
                WHERE l.id = $1 AND \(isPresentSQL) AND \(store.serverRun.isCurrentSQL)
                """,
                [.int64(log.rawValue), .int64(mark.rawValue)]
            ),
            anchoring(mark, of: store, log: log),
        ]
    }

    /// Records a mark so that no crash takes it back: only then may it count as stored (`HighWaterMarkProbe.store`),
    /// and may a later reader rely on it.
    ///
    /// - Throws: `storeChanged` when another log stands under the name by now, or the server's run is over; `database`.
    package static func store(
        _ mark: GlobalPosition,
        of store: ValidatedStore,
        log: LogID,
        on connection: isolated PostgresConnection
    ) throws(EventStoreError) {
        do {
            let anchors = PostgresStatement(
                "SELECT position FROM refold.anchors WHERE log_id = $1",
                [.int64(log.rawValue)]
            )
            // The role or the database may set it otherwise, and then a crash could take back what others rely on.
            let results = try connection.pipeline(
                [
                    PostgresStatement("BEGIN ISOLATION LEVEL READ COMMITTED"),
                    PostgresStatement("SET LOCAL synchronous_commit = on"),
                ]
                    + storing(mark, of: store, log: log) + [anchors, PostgresStatement("COMMIT")]
            )
            guard results[2].affectedRows == 1 else {
                throw EventStoreError.storeChanged(
                    "another log stands under the name \(store.settings.log), or the server has recovered"
                )
            }
            var positions: [GlobalPosition] = []
            for row in 0..<results[4].count { positions.append(GlobalPosition(try results[4].int64(row, 0))) }
            if positions.count < fewAnchors { try connection.pipeline([laddering(mark, of: store, log: log)]) }
            let dropped = AnchorThinning(positions).dropped
            guard !dropped.isEmpty else { return }
            try connection.execute(
                "DELETE FROM refold.anchors WHERE log_id = $1 AND position = ANY ($2)",
                [.int64(log.rawValue), .int64Array(dropped.map(\.rawValue))]
            )
        } catch let error as EventStoreError {
            throw error
        } catch let error as PostgresError {
            connection.rollback()
            throw .database("storing the high-water mark", error)
        } catch {
            throw EventStoreError(.database, "storing the high-water mark failed: \(error)", cause: error)
        }
    }

    /// The statement that makes an anchor of the last event at or below a position.
    static func anchoring(_ position: GlobalPosition, of store: ValidatedStore, log: LogID) -> PostgresStatement {
        PostgresStatement(
            """
            INSERT INTO refold.anchors (log_id, position, event)
            SELECT l.id, a.position, a.event
            FROM refold.logs l, LATERAL (\(store.lastAnchorSQL(atOrBelow: "$2"))) a
            WHERE l.id = $1 AND \(isPresentSQL) ON CONFLICT DO NOTHING
            """,
            [.int64(log.rawValue), .int64(position.rawValue)]
        )
    }

    /// So few that the erasure of some events could leave none by which to recognise the log.
    private static let fewAnchors = 4

    /// The statement that makes anchors of older events, at doubling distances behind a position, for a log of which
    /// few are known.
    private static func laddering(_ position: GlobalPosition, of store: ValidatedStore, log: LogID) -> PostgresStatement
    {
        var positions: [Int64] = []
        var distance: Int64 = 1
        while distance < position.rawValue {
            positions.append(position.rawValue - distance)
            distance = distance > .max / 2 ? .max : distance * 2
        }
        return PostgresStatement(
            """
            INSERT INTO refold.anchors (log_id, position, event)
            SELECT DISTINCT l.id, a.position, a.event
            FROM refold.logs l, unnest($2::bigint[]) AS p, LATERAL (\(store.lastAnchorSQL(atOrBelow: "p"))) a
            WHERE l.id = $1 AND \(isPresentSQL) ON CONFLICT DO NOTHING
            """,
            [.int64(log.rawValue), .int64Array(positions)]
        )
    }

    private static let isPresentSQL = "NOT EXISTS (SELECT FROM refold.logs n WHERE n.log = l.log AND n.id > l.id)"
}
