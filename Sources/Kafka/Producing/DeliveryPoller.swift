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

    /// Consecutive reports are mostly of one batch and of one result; those of one request may be of several batches.
    private func takeDeliveries(_ event: OpaquePointer) {
        let count = rd_kafka_event_message_count(event)
        let reports = [UnsafePointer<rd_kafka_message_t>?](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = rd_kafka_event_message_array(event, buffer.baseAddress, count)
        }
        let messages = reports.compactMap { $0 }.filter { $0.pointee._private != nil }
        var isAcknowledged = false
        var failure: KafkaError?
        var failed = 0..<0
        var next = 0
        while next < messages.count {
            let first = messages[next].pointee
            guard let opaque = first._private else { break }
            let run = messages[next...].prefix { $0.pointee._private == opaque && $0.pointee.err == first.err }
            if first.err == RD_KAFKA_RESP_ERR_NO_ERROR {
                // Before anybody is told: a caller whose records have arrived finds no trouble any more.
                if !isAcknowledged { state.withLock { $0.trouble = nil } }
                isAcknowledged = true
                failure = nil
            } else if !failed.contains(next) {
                let refused = messages[next...].prefix {
                    $0.pointee.rkt == first.rkt && $0.pointee.partition == first.partition
                        && $0.pointee.err == first.err
                }
                failure = error(of: refused)
                failed = refused.indices
            }
            let delivery = Unmanaged<KafkaDelivery>.fromOpaque(opaque)
            if delivery.takeUnretainedValue().settle(run.count, failure) { delivery.release() }
            next = run.endIndex
        }
    }

    /// The failure of records of one partition.
    private func error(of messages: ArraySlice<UnsafePointer<rd_kafka_message_t>>) -> KafkaError {
        let message = messages[messages.startIndex]
        let first = message.pointee
        let topic = first.rkt.map { String(cString: rd_kafka_topic_name($0)) } ?? "a topic"
        var headers: OpaquePointer?
        rd_kafka_message_headers(message, &headers)
        let name = RecordName(topic: topic, partition: first.partition, count: messages.count) { name in
            var (value, size): (UnsafeRawPointer?, Int) = (nil, 0)
            guard let headers, rd_kafka_header_get_last(headers, name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR
            else { return nil }
            return [UInt8](UnsafeRawBufferPointer(start: value, count: size))
        }
        return client.error(first.err, "deliver to \(name)")
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
