package import Postgres
package import Refold

/// What became of an anchor's event.
struct AnchorSighting: Sendable, Hashable {
    enum State: Sendable {
        case same
        case missing
        case other
    }

    let position: GlobalPosition
    let state: State
}

/// What anchors say about a log, from the one that counts most to the one that counts least.
enum AnchorVerdict: Sendable, Hashable {
    /// There are none.
    case nothing
    /// It is the log they were taken from; those listed are missing in it.
    case same(missing: [GlobalPosition])
    /// Another event is there.
    case other(GlobalPosition)
    /// None of the events is there; the highest of them stood here.
    case noneLeft(GlobalPosition)

    /// One anchor decides: the first whose event exists.
    init(_ sightings: [AnchorSighting]) {
        var missing: [GlobalPosition] = []
        for sighting in sightings {
            switch sighting.state {
            case .missing: missing.append(sighting.position)
            case .other:
                self = .other(sighting.position)
                return
            case .same:
                self = .same(missing: missing)
                return
            }
        }
        self = missing.max().map { .noneLeft($0) } ?? .nothing
    }
}

extension PostgresConnection {
    /// Looks up the events of a log's anchors at or below a position, the newest first.
    ///
    /// - Parameter own: an anchor that counts before the log's own, wherever it stands.
    func verdict(
        of store: ValidatedStore,
        log: LogID,
        through position: GlobalPosition = GlobalPosition(.max),
        own: LogAnchor? = nil
    ) throws(PostgresError) -> AnchorVerdict {
        // An event that cannot be compared, because this role may not read the ids, is there at least.
        let rows = try query(
            """
            SELECT a.position, found.is_same
            FROM (
                SELECT position, event, false AS is_own FROM refold.anchors WHERE log_id = $1 AND position <= $2
                UNION ALL SELECT $3::bigint, $4::text, true WHERE $3::bigint IS NOT NULL
            ) a
            LEFT JOIN LATERAL (
                SELECT coalesce(\(store.isAnchorSQL), true) AS is_same FROM \(store.settings.events) e
                WHERE e.global_position = a.position LIMIT 1
            ) found ON true
            ORDER BY a.is_own DESC, a.position DESC
            """,
            [
                .int64(log.rawValue), .int64(position.rawValue), own.map { .int64($0.position.rawValue) } ?? .null,
                own.map { .text($0.event) } ?? .null,
            ]
        )
        var sightings: [AnchorSighting] = []
        for row in 0..<rows.count {
            let state: AnchorSighting.State =
                try rows.isNull(row, 1) ? .missing : try rows.bool(row, 1) ? .same : .other
            sightings.append(AnchorSighting(position: GlobalPosition(try rows.int64(row, 0)), state: state))
        }
        return AnchorVerdict(sightings)
    }

    /// What the verdict means for a reader that relies on the log.
    ///
    /// - Returns: what an operator should know.
    /// - Throws: `otherLog`; `database`.
    func notes(on verdict: AnchorVerdict, _ store: ValidatedStore) throws(EventStoreError) -> [String] {
        switch verdict {
        case .nothing, .same(missing: []): return []
        case .same(let missing):
            let positions = missing.map(\.description).joined(separator: ", ")
            return [
                "events that were read are gone, at \(positions) for one; an older one shows that the log is the same"
            ]
        case .other(let position):
            throw .otherLog(
                "the event at position \(position) is not the one that was read there",
                at: position
            )
        case .noneLeft(let position):
            guard try firstEvent(of: store).map({ $0 > position }) ?? true else {
                throw .otherLog(
                    "none of the events by which the log was known is there any more, while others are, up to \(position)",
                    at: position
                )
            }
            return ["the log was shortened: all events up to position \(position) are gone"]
        }
    }

    /// The lowest position that exists; nil in an empty log.
    fileprivate func firstEvent(of store: ValidatedStore) throws(EventStoreError) -> GlobalPosition? {
        do {
            let row = try query(store.firstEventSQL)
            return row.isEmpty ? nil : GlobalPosition(try row.int64(0, 0))
        } catch {
            throw .database("looking for the first event", error)
        }
    }
}

extension ValidatedStore {
    /// The lowest position that exists; nil in an empty log.
    package func firstEvent(on connection: isolated PostgresConnection) throws(EventStoreError) -> GlobalPosition? {
        try connection.firstEvent(of: self)
    }
}
