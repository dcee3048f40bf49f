public import Refold

/// What was known about a log when its mark was last stored.
public struct LogRecord: Sendable, Equatable {
    /// The mark then.
    public var mark: GlobalPosition
    /// Which log it was.
    public var identity: LogIdentity

    /// A record from its parts.
    public init(mark: GlobalPosition, identity: LogIdentity) {
        self.mark = mark
        self.identity = identity
    }

    /// Refuses a log that is not the one this record is of, or that has lost positions.
    ///
    /// The events table's own object id may change (a table is rewritten to partition it); the server, the line of its
    /// history and the database may not.
    ///
    /// - Throws: `otherLog` or `logShrank`, with the remedy.
    public func check(_ found: LogIdentity, lastValue: GlobalPosition) throws(EventStoreError) {
        if let mine = identity.systemIdentifier, let theirs = found.systemIdentifier, mine != theirs {
            throw other("the events are on another server: its system identifier is \(theirs), and was \(mine)")
        }
        if identity.timeline != found.timeline {
            throw other("the server writes on timeline \(found.timeline), and it was \(identity.timeline)")
        }
        if identity.database != found.database {
            throw other(
                "the events are in another database: its oid is \(found.database), and was \(identity.database)"
            )
        }
        guard lastValue >= mark else { throw .logShrank(lastValue: lastValue, passed: mark) }
    }

    private func other(_ message: String) -> EventStoreError {
        EventStoreError(
            .otherLog,
            message + ", so what was folded may never have happened here",
            remedy: "after a failover or a restore, refold rebuild --fresh; otherwise correct the database URL",
            position: mark
        )
    }
}
