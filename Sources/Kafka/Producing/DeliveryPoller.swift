internal import BlockingCalls
internal import CRdkafka
internal import Synchronization

/// Takes a producer's reports, on an executor of its own, since waiting for them blocks.
actor DeliveryPoller {
    private struct State {
        var isStopped = false
        /// The caller gives up what is on its way.
        var isPurged = false
        var trouble: KafkaError?
        /// The first refusal of a record.
        var refusal: KafkaError?
        /// What ended the producer, and since when it is known.
        var fatal: (error: KafkaError, since: ContinuousClock.Instant)?

        /// Why nothing can be sent any more. The reports of what a refused record took along can come before its own, so
        /// that is waited for.
        var failure: KafkaError? {
            guard let fatal else { return nil }
            return refusal ?? (ContinuousClock.now - fatal.since > DeliveryPoller.refusalLimit ? fatal.error : nil)
        }
    }

    /// Records that were given up, with or because of others.
    private struct Purged {
        let delivery: Unmanaged<KafkaDelivery>
        let count: Int
        let error: KafkaError
    }

    /// How long the cause of a fatal error is waited for.
    private static let refusalLimit: Duration = .seconds(1)

    private let executor = BlockingExecutor(label: "refold.kafka.deliveries")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    private let client: KafkaClient
    private let state = Mutex(State())
    private var purged: [Purged] = []
    private var purgedSince = ContinuousClock.now

    init(_ client: KafkaClient) { self.client = client }

    /// Why records wait.
    nonisolated var trouble: KafkaError? { state.withLock { $0.trouble } }
    /// Why nothing can be sent any more.
    nonisolated var failure: KafkaError? { state.withLock { $0.failure } }

    /// From here on what is given up is given up by the caller.
    nonisolated func notePurge() { state.withLock { $0.isPurged = true } }

    nonisolated var isStopped: Bool { state.withLock { $0.isStopped } }

    nonisolated func stop() { state.withLock { $0.isStopped = true } }

    /// Until it is stopped.
    func run() {
        guard let queue = rd_kafka_queue_get_main(client.pointer) else { return }
        defer { rd_kafka_queue_destroy(queue) }
        defer { settlePurged(isOver: true) }
        while !state.withLock({ $0.isStopped }) {
            settlePurged()
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
            if let failure, [.purged, .fatal].contains(failure.code) {
                if purged.isEmpty { purgedSince = .now }
                purged.append(Purged(delivery: delivery, count: run.count, error: failure))
            } else {
                if let failure { note(refusal: failure, first.err) }
                settle(delivery, run.count, failure)
            }
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

    private func note(refusal: KafkaError, _ code: rd_kafka_resp_err_t) {
        // A record for a partition that there is not never was in the queue of one: it ends nothing.
        guard code != RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, code != RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC else { return }
        state.withLock { $0.refusal = $0.refusal ?? refusal }
    }

    /// Reports what was given up: for the reason of the record that ended the producer, once it is known.
    private func settlePurged(isOver: Bool = false) {
        guard !purged.isEmpty else { return }
        let (failure, isPurged) = state.withLock { ($0.failure, $0.isPurged) }
        let isLate = ContinuousClock.now - purgedSince > Self.refusalLimit
        guard failure != nil || isPurged || isLate || isOver else { return }
        for records in purged { settle(records.delivery, records.count, failure ?? records.error) }
        purged = []
    }

    private func settle(_ delivery: Unmanaged<KafkaDelivery>, _ count: Int, _ failure: KafkaError?) {
        if delivery.takeUnretainedValue().settle(count, failure) { delivery.release() }
    }

    private func takeError(_ event: OpaquePointer) {
        let detail = rd_kafka_event_error_string(event).map { String(cString: $0) }
        let error = client.error(rd_kafka_event_error(event), "send", detail: detail)
        state.withLock { state in
            if rd_kafka_event_error_is_fatal(event) != 0 || error.code == .fatal {
                let fatal = KafkaError(.fatal, operation: "send", address: client.address, message: error.message)
                state.fatal = state.fatal ?? (fatal, .now)
            } else {
                state.trouble = error
            }
        }
    }
}
