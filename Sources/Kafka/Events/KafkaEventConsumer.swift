public import Logging
internal import Synchronization

/// Consumes what a relay sends, as a member of a group: each event once and in the order of its partition.
///
/// Repetitions and records of a replaced relay are dropped. Events that are missing, and events that were applied and are
/// no longer in the log, end the consumer with an error: it never passes over them.
public struct KafkaEventConsumer: Sendable {
    private let kafka: KafkaCluster
    private let topics: [String]
    private let group: String
    private let handler: any KafkaEventHandler
    private let mayBeginLate: Bool
    private let logger: Logger?

    /// - Parameters:
    ///   - topics: topics of a relay.
    ///   - group: the service's own group.
    ///   - handler: applies the events.
    ///   - mayBeginLate: a partition without progress may begin with a record that is not its first, as where Kafka has
    ///     removed old records (retention). Otherwise it is a gap.
    public init(
        _ kafka: KafkaCluster,
        topics: [String],
        group: String,
        handler: some KafkaEventHandler,
        mayBeginLate: Bool = false,
        logger: Logger? = nil
    ) {
        self.kafka = kafka
        self.topics = topics
        self.group = group
        self.handler = handler
        self.mayBeginLate = mayBeginLate
        self.logger = logger
    }

    /// Consumes until the task is cancelled, and leaves the group then.
    ///
    /// - Throws: `gap` and `fork` naming positions, `notRelayed`, what the handler throws, and errors that brokers do not
    ///   take back. Brokers that are away are waited for.
    public func run() async throws {
        let states = Mutex<[KafkaPartition: PartitionProgress]>([:])
        let subscription = try kafka.subscribe(topics, group: group) { [handler, mayBeginLate, logger] change in
            switch change {
            case .assigned(let partitions):
                var starts: [KafkaPartition: Int64] = [:]
                var found: [KafkaPartition: PartitionProgress] = [:]
                for partition in partitions {
                    let progress = try await handler.progress(of: partition)
                    found[partition] = PartitionProgress(progress, mayBeginLate: mayBeginLate)
                    starts[partition] = progress?.offset ?? 0
                }
                logger?.debug("partitions assigned", metadata: ["partitions": "\(partitions)"])
                let assigned = found
                states.withLock { $0 = assigned }
                return starts
            case .revoked(let partitions, _):
                logger?.debug("partitions revoked", metadata: ["partitions": "\(partitions)"])
                states.withLock { $0 = [:] }
                return [:]
            }
        }
        let result: Result<Void, any Error>
        do {
            while let messages = try await subscription.nextMessages() {
                let offsets = try await apply(messages, states)
                // For those who watch the group's lag; nothing here relies on it.
                try await subscription.scheduleCommit(offsets)
            }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await subscription.close()
        try result.get()
    }

    /// - Returns: the offsets of the records that are wanted next.
    private func apply(
        _ messages: [KafkaMessage],
        _ states: borrowing Mutex<[KafkaPartition: PartitionProgress]>
    ) async throws -> [KafkaPartition: Int64] {
        var offsets: [KafkaPartition: Int64] = [:]
        for (partition, messages) in Dictionary(grouping: messages, by: \.partition) {
            // Records that were fetched before their partition was revoked.
            guard var state = states.withLock({ $0[partition] }) else { continue }
            let old = state.progress
            var (events, failure) = ([KafkaEvent](), KafkaError?.none)
            for message in messages {
                do throws(KafkaError) {
                    if let event = try Self.next(message, &state) { events.append(event) }
                } catch {
                    failure = error
                    break
                }
            }
            // What came before a gap is applied, so that the error names the first missing position.
            if let new = state.progress, new != old {
                try await handler.apply(events, of: partition, from: old, to: new)
                offsets[partition] = new.offset
            }
            let applied = state
            states.withLock { $0[partition] = applied }
            if let failure { throw failure }
        }
        return offsets
    }

    /// The event of a record, if it is to be applied.
    private static func next(
        _ message: KafkaMessage,
        _ state: inout PartitionProgress
    ) throws(KafkaError) -> KafkaEvent? {
        let record = try RelayedRecord(message)
        let operation = "consume \(message.partition) at offset \(message.offset)"
        switch state.take(record, at: message.offset) {
        case .apply:
            guard case .event(let id, let version) = record.kind else { return nil }
            return KafkaEvent(
                id: id,
                typeVersion: version,
                position: record.position,
                key: message.key ?? [],
                value: message.value ?? []
            )
        case .marker, .repeated, .outdated: return nil
        case .gap(let after, let through):
            let lost = "events after position \(after), up to \(through), did not come"
            throw KafkaError(.gap, operation: operation, message: "\(lost): \(Self.remedy)")
        case .fork(let position):
            let applied = state.progress?.position ?? position
            throw KafkaError(
                .fork,
                operation: operation,
                message:
                    "the log was forked at position \(position), and events up to \(applied) were applied here: \(Self.remedy)"
            )
        }
    }

    /// The records of this topic stay as they are: whoever reads it from the beginning comes to the same place.
    private static let remedy =
        "begin anew with other topics, which refold relay --backfill VERSION fills with the log as it is now"
}
