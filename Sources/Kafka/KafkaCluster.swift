public import Logging

/// A cluster, and the clients that are made for it.
public struct KafkaCluster: Sendable {
    /// Where it is.
    public let settings: KafkaSettings
    private let logger: Logger?

    /// A cluster; nothing is connected yet.
    public init(_ settings: KafkaSettings, logger: Logger? = nil) {
        self.settings = settings
        self.logger = logger
    }

    /// A producer of its own.
    public func producer() throws(KafkaError) -> KafkaProducer { try KafkaProducer(settings, logger: logger) }

    /// A client for topics.
    public func admin() throws(KafkaError) -> KafkaAdmin { try KafkaAdmin(settings, logger: logger) }

    /// Joins a consumer group and reads topics as one of its members.
    ///
    /// Nothing is committed unless the caller does. Reading stops while nobody asks for the next record, and while a
    /// rebalance waits for its closure.
    ///
    /// - Parameters:
    ///   - topics: the topics.
    ///   - group: the group's name.
    ///   - start: where a partition begins of which the group has committed nothing.
    ///   - rebalance: called when partitions are assigned or revoked, before the first record of the former and after
    ///     the last of the latter. For assigned partitions it may give the offsets to start at, as where they are kept
    ///     with what was made of the records; others start at the committed offset.
    public func subscribe(
        _ topics: [String],
        group: String,
        from start: KafkaStart = .earliest,
        rebalance: @escaping KafkaRebalance.Handler = { _ in [:] }
    ) throws(KafkaError) -> KafkaSubscription {
        let member = try GroupMember(settings, topics, group: group, from: start, logger: logger, rebalance: rebalance)
        return KafkaSubscription(member)
    }
}

/// Where a partition begins of which a group has committed nothing.
public enum KafkaStart: String, Sendable {
    /// With the oldest record that is kept.
    case earliest
    /// With the next one that is sent.
    case latest
}
