package import Refold

/// What was known about a log when its mark was last stored.
package struct StoredLogIdentity: Sendable, Equatable {
    /// Which log.
    package var id: LogID
    /// The mark then.
    package var mark: GlobalPosition
    /// Where it was found.
    package var identity: LogIdentity

    /// A record from its parts.
    package init(id: LogID, mark: GlobalPosition, identity: LogIdentity) {
        self.id = id
        self.mark = mark
        self.identity = identity
    }

    /// Refuses a log that has lost positions: those that are drawn again would be taken for read.
    ///
    /// - Parameter lastValue: the newest position, sampled after the record was read.
    /// - Throws: `logShrank`.
    package func checkLength(lastValue: GlobalPosition) throws(EventStoreError) {
        guard lastValue >= mark else { throw .logShrank(lastValue: lastValue, passed: mark) }
    }

    /// Judges by its place alone a log of which something was read, but no event is known.
    ///
    /// The timeline may differ: after a failover, events and what is known of them are from the same write-ahead log.
    ///
    /// - Throws: `otherLog`.
    package func checkPlace(_ found: LogIdentity) throws(EventStoreError) {
        guard mark > .zero else { return }
        if let mine = identity.systemIdentifier, let theirs = found.systemIdentifier, mine != theirs {
            throw .otherLog("the events are on another server: its system identifier is \(theirs), and was \(mine)")
        }
        if identity.database != found.database {
            throw .otherLog(
                "the events are in another database: its oid is \(found.database), and was \(identity.database)"
            )
        }
    }

    /// How the place differs from the one where the log was found before; nil when it does not.
    package func moved(to found: LogIdentity) -> String? {
        var changes: [String] = []
        if let mine = identity.systemIdentifier, let theirs = found.systemIdentifier, mine != theirs {
            changes.append("system identifier \(theirs), was \(mine)")
        }
        if identity.timeline != found.timeline {
            changes.append("timeline \(found.timeline), was \(identity.timeline)")
        }
        if identity.database != found.database {
            changes.append("database oid \(found.database), was \(identity.database)")
        }
        if identity.eventsTable != found.eventsTable {
            changes.append("events table's oid \(found.eventsTable), was \(identity.eventsTable)")
        }
        guard !changes.isEmpty else { return nil }
        return "the log is the one that was read before, in another place (\(changes.joined(separator: "; ")))"
    }
}
