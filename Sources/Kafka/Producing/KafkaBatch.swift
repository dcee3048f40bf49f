internal import Refold

/// Records to be sent one after the other, in one piece of memory.
///
/// Records are only added, so a producer of many of them makes no object for each.
public struct KafkaBatch: Sendable {
    /// One record; the ranges are of `bytes`.
    struct Record: Sendable {
        var topic: Int
        var partition: Int32
        /// Nil for a record without a key.
        var key: Range<Int>?
        var value: Range<Int>
        /// Which of `headers` are its own.
        var headers: Range<Int>
    }

    /// A header: where its name, which ends with a zero byte, and its value lie in `bytes`.
    struct Header: Sendable {
        var name: Int
        var value: Range<Int>
    }

    private(set) var topics: [String] = []
    private(set) var records: [Record] = []
    private(set) var headers: [Header] = []
    private(set) var bytes: [UInt8] = []
    private var headersBefore = 0

    /// An empty batch.
    public init() {}

    /// How many records there are.
    public var count: Int { records.count }
    /// How many bytes their keys, values and headers take.
    public var byteCount: Int { bytes.count }

    /// Makes room for so many bytes at once, rather than little by little with a copy each time.
    package mutating func reserve(bytes count: Int) { bytes.reserveCapacity(count) }

    /// Adds a record.
    public mutating func append(_ record: KafkaRecord) {
        for header in record.headers { appendHeader(header.name) { $0 += header.value } }
        append(
            to: place(of: record.topic),
            partition: record.partition,
            key: record.key.map { key in { $0 += key } },
            value: { $0 += record.value }
        )
    }

    /// The number that a topic has in this batch.
    package mutating func place(of topic: String) -> Int {
        if let place = topics.firstIndex(of: topic) { return place }
        topics.append(topic)
        return topics.count - 1
    }

    /// Adds a header with a number in decimal digits to the record that is added next.
    package mutating func appendHeader(_ name: String, _ value: Int64) {
        appendHeader(name) { $0.appendDecimal(value) }
    }

    /// Adds a header to the record that is added next.
    ///
    /// - Parameter value: appends the value.
    package mutating func appendHeader(_ name: String, value: (inout [UInt8]) -> Void) {
        let start = bytes.count
        bytes += name.utf8
        bytes.append(0)
        let valueStart = bytes.count
        value(&bytes)
        headers.append(Header(name: start, value: valueStart..<bytes.count))
    }

    /// Adds a record with the headers that were added since the last one. The closures append to the bytes that they are
    /// given and read nothing.
    ///
    /// - Parameter topic: its ``place(of:)``.
    package mutating func append(
        to topic: Int,
        partition: Int32,
        key: ((inout [UInt8]) -> Void)?,
        value: (inout [UInt8]) -> Void
    ) {
        var keyRange: Range<Int>?
        if let key {
            let start = bytes.count
            key(&bytes)
            keyRange = start..<bytes.count
        }
        let start = bytes.count
        value(&bytes)
        records.append(
            Record(
                topic: topic,
                partition: partition,
                key: keyRange,
                value: start..<bytes.count,
                headers: headersBefore..<headers.count
            )
        )
        headersBefore = headers.count
    }
}

/// A record to be sent.
public struct KafkaRecord: Sendable, Hashable {
    /// The topic.
    public var topic: String
    /// Its partition, from 0.
    public var partition: Int32
    /// The key; nil for none.
    public var key: [UInt8]?
    /// The value.
    public var value: [UInt8]
    /// The headers, in their order.
    public var headers: [KafkaHeader]

    /// A record for a partition; see ``KafkaPartitioner`` for the one that belongs to a key.
    public init(topic: String, partition: Int32, key: [UInt8]? = nil, value: [UInt8], headers: [KafkaHeader] = []) {
        self.topic = topic
        self.partition = partition
        self.key = key
        self.value = value
        self.headers = headers
    }
}

/// A header of a record.
public struct KafkaHeader: Sendable, Hashable {
    /// The name, without a zero byte. Several headers of a record may have the same.
    public var name: String
    /// The value.
    public var value: [UInt8]

    /// A header.
    public init(_ name: String, _ value: [UInt8]) {
        self.name = name
        self.value = value
    }
}
