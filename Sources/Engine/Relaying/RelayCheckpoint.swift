package import EventStore
package import Refold

/// How far a relay has sent the log, as `refold.relays` has it.
package struct RelayCheckpoint: Sendable, Hashable {
    /// Everything up to here is acknowledged.
    package var position: GlobalPosition
    /// Raised whenever a relay begins.
    package var epoch: Int64
    /// By topic, for each partition the position of its last record; zero before the first.
    package var partitions: [String: [GlobalPosition]]
    /// The log that was sent; nil before the first begin.
    package var log: LogID?
    /// The run of the server in which the relay began; nil before.
    package var serverRun: String?
    /// The timeline on which it began.
    package var timeline: Int64?
    /// Events above this position may be others than those that were sent, and not every partition says so yet.
    package var fork: GlobalPosition?

    package init(
        position: GlobalPosition = .zero,
        epoch: Int64 = 0,
        partitions: [String: [GlobalPosition]] = [:],
        log: LogID? = nil,
        serverRun: String? = nil,
        timeline: Int64? = nil,
        fork: GlobalPosition? = nil
    ) {
        self.position = position
        self.epoch = epoch
        self.partitions = partitions
        self.log = log
        self.serverRun = serverRun
        self.timeline = timeline
        self.fork = fork
    }

    /// The checkpoint with which a relay begins: a higher epoch, and a fork where the server has recovered or is another
    /// one.
    ///
    /// Only flushed events are sent, so a crash takes back none of them: consumers may have everything up to the newest
    /// position. A promoted server has this checkpoint, so it also has the events up to its position, but perhaps not
    /// those that were sent after it.
    ///
    /// - Parameter newest: the newest position of the log.
    package func beginning(
        in run: ServerRun,
        of log: LogID,
        newest: GlobalPosition,
        partitions counts: [String: Int]
    ) -> RelayCheckpoint {
        var next = self
        next.epoch += 1
        if timeline != nil, serverRun != run.name {
            let safe = timeline == run.timeline ? max(newest, position) : position
            next.fork = min(fork ?? safe, safe)
        }
        next.log = log
        next.serverRun = run.name
        next.timeline = run.timeline
        for (topic, count) in counts where next.partitions[topic] == nil {
            next.partitions[topic] = Array(repeating: .zero, count: count)
        }
        return next
    }

    /// Goes back, so that events are sent once more.
    package mutating func goBack(to position: GlobalPosition) {
        self.position = position
        partitions = partitions.mapValues { $0.map { min($0, position) } }
    }
}

extension ServerRun {
    /// By which this run is known again.
    fileprivate var name: String { id ?? "\(startedAt)" }
}
