/// Where the events of one type are sent, and by which key.
public struct TopicRoute: Sendable, Hashable {
    /// What an event's key is.
    public enum Key: Sendable, Hashable {
        /// The id of its stream.
        case stream
        /// A member of its payload: the names that lead to it. Where it is missing or no text, number or Boolean, the
        /// stream's id takes its place.
        case payload([String])
    }

    /// The type.
    public let type: String
    /// The topic, without the version that a backfill adds.
    public let topic: String
    /// The key, which decides on the partition.
    public let key: Key

    /// A route for a type.
    public init(type: String, topic: String, key: Key) {
        self.type = type
        self.topic = topic
        self.key = key
    }

    /// Reads a route as the settings have it: `TYPE:TOPIC:KEY`, the key being a path into the payload, such as `user_id`
    /// or `user.id`, or `@stream`. Nil for another form, and for a topic whose name Kafka does not allow.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, parts.allSatisfy({ !$0.isEmpty }), Self.isTopic(parts[1]) else { return nil }
        let path = parts[2].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard path.allSatisfy({ !$0.isEmpty }) else { return nil }
        self.init(type: parts[0], topic: parts[1], key: parts[2] == "@stream" ? .stream : .payload(path))
    }

    /// Bytes that the name of a topic may have.
    static let longestTopic = 249

    /// Whether Kafka allows the name.
    /// https://github.com/apache/kafka/blob/3.4/clients/src/main/java/org/apache/kafka/common/internals/Topic.java
    public static func isTopic(_ name: String) -> Bool {
        let isLegal = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"): true
            case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
            default: false
            }
        }
        return isLegal && (1...longestTopic).contains(name.utf8.count) && name != "." && name != ".."
    }
}
