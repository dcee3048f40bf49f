/// Where a cluster is, and how to speak to it.
public struct KafkaSettings: Sendable, Hashable {
    /// Brokers to ask for the others, as `host:port`.
    public var bootstrapServers: [String]
    /// What the brokers' logs call this client, unless the property `client.id` says it.
    public var clientID: String
    /// More properties of librdkafka, such as `security.protocol`. What a producer or a consumer here relies on (order,
    /// acknowledgement, commits) cannot be changed, under any of librdkafka's names for it.
    /// https://github.com/confluentinc/librdkafka/blob/v2.0.2/CONFIGURATION.md
    public var properties: [String: String]

    /// Settings for a cluster.
    public init(bootstrapServers: [String], clientID: String = "refold", properties: [String: String] = [:]) {
        self.bootstrapServers = bootstrapServers
        self.clientID = clientID
        self.properties = properties
    }

    /// The brokers in one text, for messages.
    var address: String { bootstrapServers.joined(separator: ",") }
}
