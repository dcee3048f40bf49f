internal import BlockingCalls
internal import CRdkafka
internal import Logging
internal import Synchronization

/// One member of a consumer group, on an executor of its own, since waiting for records blocks.
actor GroupMember {
    private let executor = BlockingExecutor(label: "refold.kafka.consumer")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let client: KafkaClient
    private let changes = Rebalances()
    private let rebalance: KafkaRebalance.Handler
    private let logger: Logger?
    private var isClosed = false
    /// Why nothing comes.
    nonisolated var trouble: KafkaError? { changes.trouble }

    /// How long one look for records blocks: what a cancellation and a close wait for.
    private static let pause: Int32 = 50

    init(
        _ settings: KafkaSettings,
        _ topics: [String],
        group: String,
        from start: KafkaStart,
        logger: Logger?,
        rebalance: @escaping KafkaRebalance.Handler
    ) throws(KafkaError) {
        var settings = settings
        // Little is fetched ahead of a slow consumer.
        for (name, value) in [
            "queued.min.messages": "10000", "queued.max.messages.kbytes": "16384", "fetch.wait.max.ms": "100",
        ] {
            settings.properties[name] = settings.properties[name] ?? value
        }
        client = try KafkaClient(
            RD_KAFKA_CONSUMER,
            settings,
            fixed: [
                "group.id": group, "enable.auto.commit": "false", "enable.auto.offset.store": "false",
                "auto.offset.reset": start.rawValue, "partition.assignment.strategy": "range,roundrobin",
            ],
            context: KafkaContext(logger: logger, address: settings.address, rebalances: changes)
        ) { configuration in
            rd_kafka_conf_set_rebalance_cb(configuration, noteRebalance)
            rd_kafka_conf_set_error_cb(configuration, noteTrouble)
        }
        self.rebalance = rebalance
        self.logger = logger
        rd_kafka_poll_set_consumer(client.pointer)
        let list = PartitionList(topics.map { (KafkaPartition($0, -1), nil) })
        let code = rd_kafka_subscribe(client.pointer, list.pointer)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
            throw client.error(code, "subscribe to \(topics.joined(separator: ", "))")
        }
    }

    /// The next records; nil when the task is cancelled or the member closed.
    func next(limit: Int) async throws -> [KafkaMessage]? {
        var messages: [KafkaMessage] = []
        while !Task.isCancelled && !isClosed {
            // A change waits until the records before it are handled: the caller asks for the next ones then.
            if messages.isEmpty, let change = changes.take() { try await settle(change) }
            guard let found = rd_kafka_consumer_poll(client.pointer, messages.isEmpty ? Self.pause : 0) else {
                guard messages.isEmpty else { return messages }
                // Others want to commit, to close, or to know what is the matter.
                await Task.yield()
                continue
            }
            defer { rd_kafka_message_destroy(found) }
            if found.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR {
                changes.note(trouble: nil)
                messages.append(KafkaMessage(found))
            } else {
                try note(found)
            }
            if messages.count >= max(1, limit) || (changes.isWaiting && !messages.isEmpty) { return messages }
        }
        return nil
    }

    /// Brokers that are away come back; the rest does not repair itself.
    private func note(_ message: UnsafePointer<rd_kafka_message_t>) throws(KafkaError) {
        let detail = rd_kafka_message_errstr(message).map { String(cString: $0) }
        let error = client.error(message.pointee.err, "consume", detail: detail)
        if [.notAllowed, .fatal, .configuration].contains(error.code) { throw error }
        changes.note(trouble: error)
        logger?.info("no records come", metadata: ["cause": "\(error)"])
    }

    private func settle(_ change: Rebalances.Change) async throws {
        switch change {
        case .assigned(let partitions):
            let starts = try await rebalance(.assigned(partitions))
            let list = PartitionList(partitions.map { ($0, starts[$0]) })
            let code = rd_kafka_assign(client.pointer, list.pointer)
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw client.error(code, "take on partitions") }
        case .revoked(let partitions, let areLost):
            _ = try await rebalance(.revoked(partitions, areLost: areLost))
            rd_kafka_assign(client.pointer, nil)
        }
    }

    /// - Parameter waits: whether the broker's answer is waited for.
    func commit(_ offsets: [KafkaPartition: Int64], waits: Bool) throws(KafkaError) {
        guard !offsets.isEmpty else { return }
        guard !isClosed else { throw KafkaError(.misuse, operation: "commit", message: "the subscription is closed") }
        let list = PartitionList(offsets.map { ($0.key, $0.value) })
        let code = rd_kafka_commit(client.pointer, list.pointer, waits ? 0 : 1)
        guard code == RD_KAFKA_RESP_ERR_NO_ERROR else { throw client.error(code, "commit") }
    }

    /// Leaves the group.
    func close(within limit: Duration) {
        guard !isClosed else { return }
        isClosed = true
        changes.close()
        let queue = rd_kafka_queue_new(client.pointer)
        defer { rd_kafka_queue_destroy(queue) }
        if let error = rd_kafka_consumer_close_queue(client.pointer, queue) {
            rd_kafka_error_destroy(error)
            return
        }
        let deadline = ContinuousClock.now + limit
        while rd_kafka_consumer_closed(client.pointer) == 0, ContinuousClock.now < deadline {
            // Records that were fetched are dropped with their events.
            guard let event = rd_kafka_queue_poll(queue, Self.pause) else { continue }
            if rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE { rd_kafka_assign(client.pointer, nil) }
            rd_kafka_event_destroy(event)
        }
    }
}

/// What a member was told of its group and has not settled yet.
final class Rebalances: Sendable {
    enum Change: Sendable {
        case assigned([KafkaPartition])
        case revoked([KafkaPartition], areLost: Bool)
    }

    private struct State {
        var waiting: [Change] = []
        var isClosing = false
        var trouble: KafkaError?
    }

    private let state = Mutex(State())

    var isWaiting: Bool { state.withLock { !$0.waiting.isEmpty } }

    /// The last trouble with the brokers, until a record comes.
    var trouble: KafkaError? { state.withLock { $0.trouble } }

    func note(trouble: KafkaError?) { state.withLock { $0.trouble = trouble } }

    func take() -> Change? { state.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() } }

    func close() {
        state.withLock { state in
            state.waiting = []
            state.isClosing = true
        }
    }

    /// - Returns: whether somebody will settle it.
    func note(_ change: Change) -> Bool {
        state.withLock { state in
            if !state.isClosing { state.waiting.append(change) }
            return !state.isClosing
        }
    }
}

/// Called within `rd_kafka_consumer_poll`, so on the member's executor. The group waits until the change is settled with
/// `rd_kafka_assign`, which need not be done here.
private func noteRebalance(
    _ client: OpaquePointer?,
    _ code: rd_kafka_resp_err_t,
    _ list: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>?,
    _ opaque: UnsafeMutableRawPointer?
) {
    guard let client, let list, let changes = KafkaContext.of(opaque)?.rebalances else { return }
    let partitions = (0..<Int(list.pointee.cnt)).map { index in
        KafkaPartition(String(cString: list.pointee.elems[index].topic), list.pointee.elems[index].partition)
    }
    let change: Rebalances.Change =
        code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS
        ? .assigned(partitions) : .revoked(partitions, areLost: rd_kafka_assignment_lost(client) != 0)
    if !changes.note(change) { rd_kafka_assign(client, nil) }
}

/// Called within `rd_kafka_consumer_poll`, so on the member's executor.
private func noteTrouble(
    _ client: OpaquePointer?,
    _ code: Int32,
    _ reason: UnsafePointer<CChar>?,
    _ opaque: UnsafeMutableRawPointer?
) {
    guard let context = KafkaContext.of(opaque), let changes = context.rebalances else { return }
    let detail = reason.map { String(cString: $0) }
    let code = rd_kafka_resp_err_t(rawValue: code)
    changes.note(trouble: KafkaError(code, operation: "consume", address: context.address, detail: detail))
}

/// Partitions with offsets, as librdkafka takes them.
private final class PartitionList {
    let pointer: UnsafeMutablePointer<rd_kafka_topic_partition_list_t>

    /// - Parameter partitions: with the offset of the next record wanted; nil for the committed one.
    init(_ partitions: [(KafkaPartition, Int64?)]) {
        pointer = rd_kafka_topic_partition_list_new(Int32(partitions.count))
        for (partition, offset) in partitions {
            let element = rd_kafka_topic_partition_list_add(pointer, partition.topic, partition.number)
            element?.pointee.offset = offset ?? Int64(RD_KAFKA_OFFSET_INVALID)
        }
    }

    deinit { rd_kafka_topic_partition_list_destroy(pointer) }
}

extension KafkaMessage {
    /// Copies a record.
    fileprivate init(_ found: UnsafePointer<rd_kafka_message_t>) {
        let message = found.pointee
        let topic = message.rkt.map { String(cString: rd_kafka_topic_name($0)) } ?? ""
        var headers: [KafkaHeader] = []
        var list: OpaquePointer?
        if rd_kafka_message_headers(found, &list) == RD_KAFKA_RESP_ERR_NO_ERROR, let list {
            var name: UnsafePointer<CChar>?
            var (value, size): (UnsafeRawPointer?, Int) = (nil, 0)
            while rd_kafka_header_get_all(list, headers.count, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR,
                let name
            {
                headers.append(
                    KafkaHeader(String(cString: name), [UInt8](UnsafeRawBufferPointer(start: value, count: size)))
                )
            }
        }
        self.init(
            KafkaPartition(topic, message.partition),
            offset: message.offset,
            key: message.key.map { [UInt8](UnsafeRawBufferPointer(start: $0, count: message.key_len)) },
            value: message.payload.map { [UInt8](UnsafeRawBufferPointer(start: $0, count: message.len)) },
            headers: headers
        )
    }
}
