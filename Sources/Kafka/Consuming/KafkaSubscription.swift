/// The records of one member of a consumer group, as they come.
///
/// One iteration, by one task. Cancelling the task ends it without an error. ``close(within:)`` leaves the group, so that the
/// others take over at once; a member that just vanishes is missed after `session.timeout.ms`.
public struct KafkaSubscription: AsyncSequence, Sendable {
    /// What is delivered.
    public typealias Element = KafkaMessage
    /// What ends a subscription: brokers that are away do not.
    public typealias Failure = any Error

    private let member: GroupMember

    init(_ member: GroupMember) { self.member = member }

    /// Begins to read.
    public func makeAsyncIterator() -> Iterator { Iterator(member) }

    /// The next records, one at least; nil when the task is cancelled. For callers that handle several at a time.
    ///
    /// - Throws: as the iteration does.
    public func nextMessages(limit: Int = 500) async throws -> [KafkaMessage]? {
        try await member.next(limit: limit)
    }

    /// Commits that everything up to a record is handled, in its partition, and waits for the broker.
    public func commit(_ message: KafkaMessage) async throws(KafkaError) {
        try await member.commit([message.partition: message.offset + 1], waits: true)
    }

    /// Commits the offsets of the next records wanted, without waiting for the broker.
    public func scheduleCommit(_ offsets: [KafkaPartition: Int64]) async throws(KafkaError) {
        try await member.commit(offsets, waits: false)
    }

    /// Why nothing comes: the last trouble with the brokers; nil when there is none.
    public var trouble: KafkaError? { member.trouble }

    /// Leaves the group. What was not committed is delivered again, here or to another member.
    public func close(within limit: Duration = .seconds(3)) async { await member.close(within: limit) }

    /// The records one by one.
    public struct Iterator: AsyncIteratorProtocol {
        private let member: GroupMember
        private var messages: [KafkaMessage] = []
        private var at = 0

        init(_ member: GroupMember) { self.member = member }

        /// The next record, however long it takes to come; nil when the task is cancelled.
        ///
        /// - Throws: `KafkaError` for what waiting does not repair, and what the rebalance's closure throws.
        public mutating func next() async throws -> KafkaMessage? {
            while at == messages.count {
                guard let more = try await member.next(limit: 500) else { return nil }
                (messages, at) = (more, 0)
            }
            if Task.isCancelled { return nil }
            defer { at += 1 }
            return messages[at]
        }
    }
}
