package import Refold

/// How long to wait between two samples of the high-water mark.
///
/// `last_value` moves before the commit does, so waiting for it to change would miss events: while the mark is below
/// it, samples follow each other quickly. While a transaction blocks it for long, samples are rarer, up to the idle
/// interval.
public struct SamplePacing: Sendable, Hashable {
    /// The wait while the mark may move any moment. Default 1 ms.
    public var eager: Duration
    /// The wait after the mark has moved. Default 2 ms.
    ///
    /// What commits meanwhile is read, folded and committed together. Without it each handful of events took a round of
    /// its own, and the rounds delayed each other: at 1,000 events a second the median latency was 10.4 ms instead of
    /// 6.0.
    public var pause: Duration
    /// The wait when nothing happens. Default 10 ms.
    public var idle: Duration

    /// Waits that are too short are lengthened: `eager` to 0.1 ms, `pause` to 0, `idle` to `eager`.
    public init(
        eager: Duration = .milliseconds(1),
        pause: Duration = .milliseconds(2),
        idle: Duration = .milliseconds(10)
    ) {
        self.eager = max(eager, .microseconds(100))
        self.pause = max(pause, .zero)
        self.idle = max(idle, self.eager)
    }

    /// The wait after a sample: the pause when it moved the mark, a hundredth of the time for which the mark has been
    /// blocked.
    package func wait(after sample: MarkSample, at now: ContinuousClock.Instant) -> Duration {
        if sample.moved { return pause }
        guard let hold = sample.hold else { return idle }
        return min(max(eager, (now - hold.since) / 100), idle)
    }
}

/// What one sample of the sequence and its lock holders gave.
package struct MarkSample: Sendable, Equatable {
    /// At or below this position nothing can appear any more.
    package let mark: GlobalPosition
    /// The sequence's newest value.
    package let lastValue: GlobalPosition
    /// Why the mark is below the newest value; nil when it is not.
    package let hold: BlockedMark?
    /// Whether the mark is higher than after the sample before.
    package let moved: Bool

    package init(mark: GlobalPosition, lastValue: GlobalPosition, hold: BlockedMark? = nil, moved: Bool = false) {
        self.mark = mark
        self.lastValue = lastValue
        self.hold = hold
        self.moved = moved
    }
}
