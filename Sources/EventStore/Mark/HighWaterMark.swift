package import Refold

/// The position at or below which no event can still appear, worked out from samples of the sequence and its lock
/// holders.
///
/// `nextval` takes a lock on the sequence and keeps it to the end of the top-level transaction, and a commit is visible
/// before its locks are released. Each sample is taken in this order: first the sequence's last value h, then the set S
/// of transactions that hold the lock. Hence
///
/// - a transaction that is in S but was not in the sample before took the lock after that sample, so everything it
///   draws is above that sample's h: this is its *floor*, fixed when it is first seen;
/// - a transaction that is no longer in S has ended, and what it drew is visible now or never;
/// - a position at or below h that belongs to nobody in S is decided.
///
/// So the mark is the lowest floor, or h when S is empty. One number per holder says as much as a queue of all samples,
/// and stays small however long one of them holds on.
///
/// A pure value: it is given what was sampled, and the time.
package struct HighWaterMark: Sendable {
    /// At or below this position nothing can appear any more. It never falls within one server run.
    package private(set) var mark: GlobalPosition
    /// The sequence's newest value, as last sampled.
    package private(set) var lastValue: GlobalPosition
    /// Why `mark` is below `lastValue`; nil when it is not.
    package private(set) var hold: BlockedMark?

    private var stored: GlobalPosition
    private var floors: [BlockingTransaction: GlobalPosition] = [:]
    private var serverRun: ServerRun?
    private var standsSince: ContinuousClock.Instant?

    /// - Parameter stored: a mark that is known to be right and survives a crash of the server, because a transaction
    ///   committed after it was found; `.zero` when there is none.
    package init(from stored: GlobalPosition = .zero) {
        mark = stored
        lastValue = stored
        self.stored = stored
    }

    /// Takes in one sample and returns the mark.
    ///
    /// - Parameters:
    ///   - lastValue: the sequence's last value, read **before** the holders.
    ///   - holders: all transactions that hold RowExclusiveLock or stronger on the sequence.
    ///   - serverRun: which run of the server the sample is from. A new one drops what earlier samples said: names of
    ///     transactions begin anew, and numbers that nobody committed may be drawn once more.
    ///   - now: when the sample was taken.
    /// - Throws: `logShrank` when the sequence stands below a value it had already reached.
    @discardableResult
    package mutating func observe(
        lastValue newest: GlobalPosition,
        holders: Set<BlockingTransaction>,
        serverRun run: ServerRun,
        at now: ContinuousClock.Instant
    ) throws(EventStoreError) -> GlobalPosition {
        if run != serverRun {
            serverRun = run
            floors = [:]
            (mark, lastValue) = (stored, stored)
            standsSince = nil
        }
        guard newest >= lastValue else { throw .logShrank(lastValue: newest, passed: lastValue) }

        // A server that renames a transaction when it is prepared (those before the minor releases of November 2021)
        // shows it as a new holder without a process. It may be any of those that have just gone.
        let lowestGone = floors.lazy.filter { !holders.contains($0.key) }.map(\.value).min()
        var kept: [BlockingTransaction: GlobalPosition] = [:]
        kept.reserveCapacity(holders.count)
        for holder in holders {
            if let floor = floors[holder] {
                kept[holder] = floor
            } else if holder.processID == nil, let lowestGone {
                kept[holder] = min(lowestGone, lastValue)
            } else {
                kept[holder] = lastValue
            }
        }
        floors = kept
        lastValue = newest
        settle(at: now)
        return mark
    }

    /// Moves the mark through positions that were all seen, one after the other, from the mark on: a position that
    /// holds an event cannot hold another one, whoever else is still writing.
    ///
    /// - Parameter position: the last position of the run that begins at `mark + 1`; at or below the mark it is
    ///   ignored. Positions above the newest sampled value of the sequence wait until the sequence has reached them: a
    ///   position may be inserted that was never drawn, and the sequence is no shorter for it.
    package mutating func advance(throughContiguous position: GlobalPosition, at now: ContinuousClock.Instant) {
        let position = min(position, lastValue)
        guard position > mark else { return }
        mark = position
        for (holder, floor) in floors where floor < position {
            floors[holder] = position
        }
        settle(at: now)
    }

    /// Notes that a transaction which was begun after `position` became the mark has committed: from here on not even a
    /// crash of the server lets the sequence fall below it.
    package mutating func store(_ position: GlobalPosition) {
        stored = max(stored, min(position, mark))
    }

    private mutating func settle(at now: ContinuousClock.Instant) {
        // The lowest floor decides; among equals the name does, so that the same holder is named from sample to sample.
        let lowest = floors.min { ($0.value, $0.key.virtualTransaction) < ($1.value, $1.key.virtualTransaction) }
        let before = mark
        mark = max(mark, lowest.map(\.value) ?? lastValue)
        guard mark < lastValue, let holder = lowest?.key else {
            hold = nil
            standsSince = nil
            return
        }
        let since = mark == before ? standsSince ?? now : now
        standsSince = since
        hold = BlockedMark(position: GlobalPosition(mark.rawValue + 1), transaction: holder, since: since)
    }
}
