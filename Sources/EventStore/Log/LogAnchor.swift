package import Refold

/// An existing event by which a log is recognised.
package struct LogAnchor: Sendable, Hashable {
    /// Where the event stands.
    package let position: GlobalPosition
    /// Its id as text; where events have none, a digest of what an erasure of the payload leaves alone.
    package let event: String

    /// An anchor as it was stored.
    package init(position: GlobalPosition, event: String) {
        self.position = position
        self.event = event
    }
}

extension ValidatedStore {
    /// A sub-select, for a LATERAL join, of the last existing event at or below a position: the columns `position` and
    /// `event` of a ``LogAnchor``; no row where there is none.
    ///
    /// - Parameter position: an SQL expression, such as `$1`.
    package func lastAnchorSQL(atOrBelow position: String) -> String {
        """
        SELECT e.global_position::bigint AS position, \(anchorEventSQL) AS event FROM \(settings.events) e
        WHERE e.global_position <= \(position) ORDER BY e.global_position DESC LIMIT 1
        """
    }

    /// A sub-select of the lowest position that exists, as column `position`; no row in an empty log.
    package var firstEventSQL: String {
        "SELECT e.global_position::bigint AS position FROM \(settings.events) e ORDER BY e.global_position LIMIT 1"
    }

    /// Whether `e`, a row of the events table, is the event of anchor `a`: null where that cannot be told.
    var isAnchorSQL: String {
        """
        CASE WHEN a.event ~ '^md5:[0-9a-f]{32}$' THEN a.event = \(digestSQL)
             ELSE a.event = \(hasEventID ? "e.event_id::text" : "NULL") END
        """
    }

    private var anchorEventSQL: String {
        hasEventID ? "coalesce(e.event_id::text, \(digestSQL))" : digestSQL
    }

    private var digestSQL: String {
        // Columns of different collations cannot be joined as they are.
        let values =
            ["e.event_type COLLATE \"C\"", "extract(epoch FROM e.\"timestamp\")"]
            + (hasStreamID ? ["e.stream_id::text COLLATE \"C\""] : [])
        return "'md5:' || md5(concat_ws(' ', \(values.joined(separator: ", "))))"
    }
}
