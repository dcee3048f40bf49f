internal import BlockingCalls
internal import CRdkafka
internal import Logging

/// Looks at topics and creates them.
public actor KafkaAdmin {
    private let executor = BlockingExecutor(label: "refold.kafka.admin")

    /// Its own queue: the calls block.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let client: KafkaClient

    /// Makes a client; no broker is asked for anything yet.
    ///
    /// - Throws: `configuration` for a property that librdkafka refuses.
    init(_ settings: KafkaSettings, logger: Logger?) throws(KafkaError) {
        client = try KafkaClient(
            RD_KAFKA_PRODUCER,
            settings,
            fixed: [:],
            unset: ["topic.blacklist": "topics that are there would seem to be missing"],
            context: KafkaContext(logger: logger, address: settings.address)
        )
    }

    /// How many partitions each topic has. Topics that do not exist are left out, and not created.
    ///
    /// - Throws: `unreachable` when no broker answers within the limit.
    public func partitionCounts(
        of topics: [String],
        within limit: Duration = .seconds(10)
    ) throws(KafkaError) -> [String: Int] {
        let operation = "list the topics"
        var found: UnsafePointer<rd_kafka_metadata>?
        // All topics: a broker may create the one that it is asked for by name.
        let code = rd_kafka_metadata(client.pointer, 1, nil, &found, limit.wholeMilliseconds)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR, let found else { throw client.error(code, operation) }
        defer { rd_kafka_metadata_destroy(found) }
        var counts: [String: Int] = [:]
        for index in 0..<Int(found.pointee.topic_cnt) {
            let topic = found.pointee.topics[index]
            let name = String(cString: topic.topic)
            guard topics.contains(name), topic.partition_cnt > 0 else { continue }
            counts[name] = Int(topic.partition_cnt)
        }
        return counts
    }

    /// Creates topics.
    ///
    /// - Parameters:
    ///   - partitions: how many each has.
    ///   - replicas: how many brokers keep each partition; nil for the cluster's default.
    /// - Throws: `topicExists`, `unsupported` by a cluster that leaves this to its operators, `unreachable`, `refused`.
    public func createTopics(
        _ topics: [String],
        partitions: Int,
        replicas: Int? = nil,
        within limit: Duration = .seconds(30)
    ) throws(KafkaError) {
        var text = [CChar](repeating: 0, count: 512)
        var list: [OpaquePointer?] = []
        defer { for topic in list { rd_kafka_NewTopic_destroy(topic) } }
        for topic in topics {
            let made = rd_kafka_NewTopic_new(topic, Int32(partitions), Int32(replicas ?? -1), &text, text.count)
            guard let made else { throw client.error(RD_KAFKA_RESP_ERR__INVALID_ARG, "create topic \(topic)") }
            list.append(made)
        }
        let options = rd_kafka_AdminOptions_new(client.pointer, RD_KAFKA_ADMIN_OP_CREATETOPICS)
        defer { rd_kafka_AdminOptions_destroy(options) }
        rd_kafka_AdminOptions_set_request_timeout(options, limit.wholeMilliseconds, &text, text.count)
        let queue = rd_kafka_queue_new(client.pointer)
        defer { rd_kafka_queue_destroy(queue) }
        rd_kafka_CreateTopics(client.pointer, &list, list.count, options, queue)
        guard let event = rd_kafka_queue_poll(queue, limit.wholeMilliseconds + 1_000) else {
            throw client.error(RD_KAFKA_RESP_ERR__TIMED_OUT, "create topics")
        }
        defer { rd_kafka_event_destroy(event) }
        if rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR {
            let detail = rd_kafka_event_error_string(event).map { String(cString: $0) }
            throw client.error(rd_kafka_event_error(event), "create topics", detail: detail)
        }
        var count = 0
        let results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count)
        for index in 0..<count {
            guard let result = results?[index] else { continue }
            let code = rd_kafka_topic_result_error(result)
            guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { continue }
            throw client.error(code, "create topic \(String(cString: rd_kafka_topic_result_name(result)))")
        }
    }
}

extension Duration {
    /// As librdkafka takes a time.
    var wholeMilliseconds: Int32 {
        Int32(clamping: components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000)
    }
}
