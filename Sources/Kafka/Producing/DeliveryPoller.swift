internal import BlockingCalls
internal import CRdkafka
internal import Synchronization

/// Takes a producer's reports, on an executor of its own, since waiting for them blocks.
actor DeliveryPoller {
    private struct State {
        var isStopped = false
        var trouble: KafkaError?
        var failure: KafkaError?
    }

    private let executor = BlockingExecutor(label: "refold.kafka.deliveries")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let client: KafkaClient
    private let state = Mutex(State())

    init(_ client: KafkaClient) { self.client = client }

    /// Why records wait.
    nonisolated var trouble: KafkaError? { state.withLock { $0.trouble } }
    /// Why nothing can be sent any more.
    nonisolated var failure: KafkaError? { state.withLock { $0.failure } }

    nonisolated func stop() { state.withLock { $0.isStopped = true } }

    /// Until it is stopped.
    func run() {
        guard let queue = rd_kafka_queue_get_main(client.pointer) else { return }
        defer { rd_kafka_queue_destroy(queue) }
        while !state.withLock({ $0.isStopped }) {
            guard let event = rd_kafka_queue_poll(queue, 100) else { continue }
            defer { rd_kafka_event_destroy(event) }
            switch rd_kafka_event_type(event) {
            case RD_KAFKA_EVENT_DR: takeDeliveries(event)
            case RD_KAFKA_EVENT_ERROR: takeError(event)
            default: break
            }
        }
    }

    /// Consecutive reports are mostly of one batch and of one result.
    private func takeDeliveries(_ event: OpaquePointer) {
        let count = rd_kafka_event_message_count(event)
        let messages = [UnsafePointer<rd_kafka_message_t>?](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = rd_kafka_event_message_array(event, buffer.baseAddress, count)
        }
        var isAcknowledged = false
        var next = 0
        while next < messages.count {
            guard let first = messages[next]?.pointee, let opaque = first._private else {
                next += 1
                continue
            }
            var end = next + 1
            while end < messages.count, let message = messages[end]?.pointee, message._private == opaque,
                message.err == first.err
            {
                end += 1
            }
            var failure: KafkaError?
            if first.err == RD_KAFKA_RESP_ERR_NO_ERROR {
                // Before anybody is told: a caller whose records have arrived finds no trouble any more.
                if !isAcknowledged { state.withLock { $0.trouble = nil } }
                isAcknowledged = true
            } else {
                let topic = first.rkt.map { String(cString: rd_kafka_topic_name($0)) } ?? "a topic"
                failure = client.error(first.err, "deliver to \(topic), partition \(first.partition)")
            }
            let delivery = Unmanaged<KafkaDelivery>.fromOpaque(opaque)
            if delivery.takeUnretainedValue().settle(end - next, failure) { delivery.release() }
            next = end
        }
    }

    private func takeError(_ event: OpaquePointer) {
        let detail = rd_kafka_event_error_string(event).map { String(cString: $0) }
        let error = client.error(rd_kafka_event_error(event), "send", detail: detail)
        state.withLock { state in
            if rd_kafka_event_error_is_fatal(event) != 0 || error.code == .fatal {
                state.failure = KafkaError(.fatal, operation: "send", address: client.address, message: error.message)
            } else {
                state.trouble = error
            }
        }
    }
}
