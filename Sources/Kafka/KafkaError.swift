internal import CRdkafka

/// Why an operation on Kafka failed, and what the caller may decide from it.
public struct KafkaError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kind of failure. More kinds may be added; compare with `==`.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// The name of the code.
        public let description: String

        /// A setting or property that librdkafka refuses.
        public static let configuration = Code(description: "configuration")
        /// No broker can be reached, or none answers in time.
        public static let unreachable = Code(description: "unreachable")
        /// A topic or a partition does not exist.
        public static let unknownTopic = Code(description: "unknownTopic")
        /// A topic that is to be created exists.
        public static let topicExists = Code(description: "topicExists")
        /// The cluster does not offer what was asked for.
        public static let unsupported = Code(description: "unsupported")
        /// The brokers do not let this client in, or not do this.
        public static let notAllowed = Code(description: "notAllowed")
        /// A record was given up before it was acknowledged: purged, or its client was closed.
        public static let purged = Code(description: "purged")
        /// A record is larger than the broker or the producer accepts.
        public static let tooLarge = Code(description: "tooLarge")
        /// The client cannot continue; another one has to be made.
        public static let fatal = Code(description: "fatal")
        /// A record's headers are not those of a relay.
        public static let notRelayed = Code(description: "notRelayed")
        /// Events before a record were not received: the message names their positions.
        public static let gap = Code(description: "gap")
        /// Events that were applied are no longer in the log, or others stand in their place.
        public static let fork = Code(description: "fork")
        /// The task was cancelled.
        public static let cancelled = Code(description: "cancelled")
        /// Our own mistake, such as using a client after closing it.
        public static let misuse = Code(description: "misuse")
        /// Anything else that a broker refuses; the message has its words.
        public static let refused = Code(description: "refused")
    }

    /// The kind of failure.
    public let code: Code
    /// What was being done.
    public let operation: String
    /// The brokers that were given.
    public let address: String
    /// A sentence for people, without secrets.
    public let message: String

    package init(_ code: Code, operation: String, address: String = "", message: String) {
        self.code = code
        self.operation = operation
        self.address = address
        self.message = message
    }

    /// Whether the same call may succeed later without anyone changing a setting.
    public var isTransient: Bool { [.unreachable, .purged, .refused, .fatal].contains(code) }

    /// Operation, brokers and cause in one line.
    public var description: String {
        "Kafka\(address.isEmpty ? "" : " at \(address)"): \(operation): \(message)"
    }
}

extension KafkaError {
    /// The error for a code of librdkafka.
    init(_ error: rd_kafka_resp_err_t, operation: String, address: String, detail: String? = nil) {
        let code: Code =
            switch error {
            case RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, RD_KAFKA_RESP_ERR__TIMED_OUT,
                RD_KAFKA_RESP_ERR__RESOLVE:
                .unreachable
            case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
                RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
                .unknownTopic
            case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS: .topicExists
            case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION: .unsupported
            case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
                .notAllowed
            case RD_KAFKA_RESP_ERR__PURGE_QUEUE, RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, RD_KAFKA_RESP_ERR__DESTROY: .purged
            case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE: .tooLarge
            case RD_KAFKA_RESP_ERR__FATAL, RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE: .fatal
            case RD_KAFKA_RESP_ERR__INVALID_ARG: .configuration
            default: .refused
            }
        let words = String(cString: rd_kafka_err2str(error))
        self.init(code, operation: operation, address: address, message: detail ?? words)
    }
}
