public import Kafka

/// What a relay sends, and where.
public struct RelaySettings: Sendable {
    /// The cluster.
    public var kafka: KafkaSettings
    /// Which types are sent; others are passed over.
    public var routes: [TopicRoute]
    /// Which version of the topics is sent to: it is appended to their names, with a hyphen. Each version has a
    /// checkpoint of its own. Empty for the topics as they are named.
    public var version: String
    /// How long a partition that gets no events waits for a marker.
    public var markerInterval: Duration

    /// The settings of a relay.
    public init(
        kafka: KafkaSettings,
        routes: [TopicRoute],
        version: String = "",
        markerInterval: Duration = .seconds(1)
    ) {
        self.kafka = kafka
        self.routes = routes
        self.version = version
        self.markerInterval = markerInterval
    }

    /// The name of a topic in this version.
    func name(of topic: String) -> String { version.isEmpty ? topic : "\(topic)-\(version)" }

    /// The names of all topics in this version.
    package var topics: [String] { Set(routes.map { name(of: $0.topic) }).sorted() }
}

/// What a relay is asked to do.
public struct RelayRequest: Sendable {
    /// Ends at the head that the log has when it starts.
    public var untilCaughtUp = false
    /// Goes back and sends the events from this position on once more; where nothing was sent yet, begins there.
    public var from: Int64?
    /// Its version of the topics was given for this request alone, and not by the settings.
    public var isBackfill = false
    /// Creates topics that are missing, with so many partitions; nil for not at all.
    public var newTopicPartitions: Int?

    /// Relays for ever, from the checkpoint on.
    public init() {}
}
