public import Refold

/// How far a consumer has applied the events of one partition. To be stored in one transaction with their effects: only
/// then is each event applied exactly once.
public struct KafkaProgress: Sendable, Hashable {
    /// The relay's epoch that was seen last.
    public var epoch: Int64
    /// Every event of the partition up to this position is applied.
    public var position: GlobalPosition
    /// The offset of the next record to read.
    public var offset: Int64

    /// A progress as it was stored.
    public init(epoch: Int64, position: GlobalPosition, offset: Int64) {
        self.epoch = epoch
        self.position = position
        self.offset = offset
    }
}

/// Decides what becomes of each record of a partition. A pure value.
///
/// A relay sends the events of a partition in the order of their positions. When it begins again, at its checkpoint, it
/// repeats some under a higher epoch, and records of its predecessor may come in between.
public struct PartitionProgress: Sendable, Hashable {
    /// What a record is to the consumer.
    public enum Verdict: Sendable, Hashable {
        /// The next event.
        case apply
        /// Nothing to apply.
        case marker
        /// It was applied before.
        case repeated
        /// It comes from a relay that another has replaced.
        case outdated
        /// Events above the first position, up to the second, were sent before it and never came.
        case gap(after: GlobalPosition, through: GlobalPosition)
        /// What was applied above this position may no longer be in the log.
        case fork(GlobalPosition)
    }

    /// How far it is; nil before the first record, when nothing is stored.
    public private(set) var progress: KafkaProgress?
    private let mayBeginLate: Bool

    /// Continues where a consumer was.
    ///
    /// - Parameters:
    ///   - progress: nil to begin with the first record.
    ///   - mayBeginLate: the first record may be one that was not the first of the partition: others, which are gone,
    ///     are not missed.
    public init(_ progress: KafkaProgress? = nil, mayBeginLate: Bool = false) {
        self.progress = progress
        self.mayBeginLate = mayBeginLate
    }

    /// Takes in the next record. After ``Verdict/gap(after:through:)`` and ``Verdict/fork(_:)`` the progress is as before.
    public mutating func take(_ record: RelayedRecord, at offset: Int64) -> Verdict {
        guard var next = progress else {
            guard mayBeginLate || record.previous == .zero else { return .gap(after: .zero, through: record.previous) }
            progress = KafkaProgress(epoch: record.epoch, position: record.position, offset: offset + 1)
            if case .event = record.kind { return .apply }
            return .marker
        }
        next.offset = offset + 1
        if record.epoch < next.epoch {
            progress = next
            return .outdated
        }
        if case .fork(let position) = record.kind, next.position > position { return .fork(position) }
        guard record.position > next.position else {
            next.epoch = record.epoch
            progress = next
            if case .event = record.kind { return .repeated }
            return .marker
        }
        guard record.previous <= next.position else {
            return .gap(after: next.position, through: record.previous)
        }
        next.epoch = record.epoch
        next.position = record.position
        progress = next
        if case .event = record.kind { return .apply }
        return .marker
    }
}
