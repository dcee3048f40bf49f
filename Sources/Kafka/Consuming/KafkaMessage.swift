/// A partition of a topic.
public struct KafkaPartition: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The topic.
    public let topic: String
    /// The partition's number, from 0.
    public let number: Int32

    /// A partition of a topic.
    public init(_ topic: String, _ number: Int32) {
        self.topic = topic
        self.number = number
    }

    /// By topic, then number.
    public static func < (left: KafkaPartition, right: KafkaPartition) -> Bool {
        (left.topic, left.number) < (right.topic, right.number)
    }

    /// As `topic[3]`.
    public var description: String { "\(topic)[\(number)]" }
}

/// A record as it was received.
public struct KafkaMessage: Sendable, Hashable {
    /// Where it lies.
    public let partition: KafkaPartition
    /// Its place in the partition.
    public let offset: Int64
    /// Its key; nil for none.
    public let key: [UInt8]?
    /// Its value; nil for a tombstone.
    public let value: [UInt8]?
    /// Its headers, in their order.
    public let headers: [KafkaHeader]

    /// A record, for tests of what consumes it.
    public init(
        _ partition: KafkaPartition,
        offset: Int64,
        key: [UInt8]?,
        value: [UInt8]?,
        headers: [KafkaHeader] = []
    ) {
        self.partition = partition
        self.offset = offset
        self.key = key
        self.value = value
        self.headers = headers
    }

    /// The last header of that name; nil for none.
    public func header(_ name: String) -> [UInt8]? { headers.last { $0.name == name }?.value }
}

/// A change of what a group's member reads.
public enum KafkaRebalance: Sendable, Hashable {
    /// These are read from now on, and no others.
    case assigned([KafkaPartition])
    /// These are read no longer; another member may read them already when they are lost.
    case revoked([KafkaPartition], areLost: Bool)

    /// Answers a change; for assigned partitions with the offsets of the records to start at.
    public typealias Handler = @Sendable (KafkaRebalance) async throws -> [KafkaPartition: Int64]
}
