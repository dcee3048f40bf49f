/// What a service does with the events that it consumes.
///
/// Each event is applied exactly once when ``apply(_:of:from:to:)`` stores the new progress in one transaction with the
/// effects, and only where the stored one is still the old one: then a member that lost its partitions without noticing
/// cannot apply anything either.
public protocol KafkaEventHandler: Sendable {
    /// How far a partition was applied; nil for nothing. Asked for when the partition is assigned.
    func progress(of partition: KafkaPartition) async throws -> KafkaProgress?

    /// Applies events, in their order, and stores how far they reach.
    ///
    /// - Parameters:
    ///   - events: none when there were only markers and repetitions.
    ///   - old: what ``progress(of:)`` gave or was stored last; nil before the first.
    ///   - new: what to store.
    /// - Throws: whatever ends the consumer; it is called with the same events again after the next start.
    func apply(
        _ events: [KafkaEvent],
        of partition: KafkaPartition,
        from old: KafkaProgress?,
        to new: KafkaProgress
    ) async throws
}
